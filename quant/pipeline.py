"""The spine: model, statistics and recipe in, int8 model out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.error_model.channels import channel_excess
from quant.error_model.context import TensorContext, tensor_contexts
from quant.error_model.local_error import LocalError
from quant.errors import DataError, did_you_mean
from quant.export.verified import LevelCheck, SaveReport, check_valid, verify, write_verified
from quant.io.show import card, counted, one_line, table
from quant.model.model import Model
from quant.model.serialize import to_bytes
from quant.params.clamps import ActivationVerdict, activation_verdicts
from quant.params.constants import QuantizedConstant, quantize_constants
from quant.params.ranges import GroupRange, group_ranges, tensor_params
from quant.passes import apply_passes
from quant.passes.qdq_graph import quantized_graph
from quant.passes.quantize_bodies import QuantizeBodies
from quant.passes.real_units import RealUnits
from quant.planning.plan import Plan
from quant.planning.resolve import plan
from quant.planning.unheld import unheld_notes
from quant.recipe.recipe import Recipe
from quant.repairs import Draft, repaired
from quant.statistics.calibration import Calibration
from quant.types import QuantParams


@dataclass(frozen=True, eq=False)
class QuantizedModel:
    """An int8 model in memory, and everything that was decided on the way.

    Attributes:
        float_model: The float model it was made from.
        calibration: The statistics that its ranges come from.
        recipe: What was asked.
        plan: The recipe resolved on the model.
        graph: The int8 graph, in Q/DQ form.
        ranges: The range (rmin, rmax) in real units of each quantized activation.
        group_ranges: The same by group, with who decided it; see :meth:`range_of`.
        params: Scale and zero point of each quantized activation.
        constants: Weights, constant operands and biases as integers.
        draft: What was decided before the graph was made, with what repairs changed.
        activations: For each Relu or Clip, what dropping it does.
        tensor_map: Float tensor -> the tensor of :meth:`tapped_bytes` that quantized consumers
            read, or that they read in parts.
        unmultiplied: The tensors that the graph has only divided by factors for each channel, and
            what they are called there.
        notes: Sentences about what did not go as asked.
        probe: Inputs of one real sample, to verify exported files with.
    """

    float_model: Model
    calibration: Calibration
    recipe: Recipe
    plan: Plan
    graph: ir.Model
    ranges: Mapping[str, tuple[float, float]]
    group_ranges: Mapping[str, GroupRange]
    params: Mapping[str, QuantParams]
    constants: tuple[QuantizedConstant, ...]
    draft: Draft
    activations: Mapping[str, ActivationVerdict]
    tensor_map: Mapping[str, str]
    unmultiplied: Mapping[str, str]
    notes: tuple[str, ...]
    probe: Mapping[str, NDArray[np.generic]]

    def __repr__(self) -> str:
        """Name, recipe and counts, in one line."""
        return (
            f"<QuantizedModel {one_line(self.float_model.name)} by recipe "
            f"{one_line(self.recipe.name, 30)}: {len(self.params):,} activations, "
            f"{len(self.constants):,} constants in integers, {counted(len(self.notes), 'note')}>"
        )

    def _repr_html_(self) -> str:
        """Range, scale and zero point of the activations, for a notebook."""
        rows = (
            (name, f"{low:.4g} to {high:.4g}", f"{self.params[name].scale:.4g}")
            for name, (low, high) in self.ranges.items()
            if name in self.params
        )
        return card(repr(self), table(("Activation", "Range", "Scale"), rows, len(self.params)))

    def range_of(self, tensor: str) -> GroupRange:
        """The range of a quantized activation, and which tensor and rule or calibrator say so.

        Raises:
            DataError: If the tensor is not quantized.
        """
        planned = self.plan.tensors.get(tensor)
        if planned is None:
            raise DataError(
                f"range: expected a quantized activation of {self.float_model.name}, found "
                f"{tensor!r}{did_you_mean(tensor, self.plan.tensors)}; ask for one in plan.tensors"
            )
        return self.group_ranges[planned.group]

    def channel_params(self, tensor: str) -> QuantParams:
        """Scale and zero point of each channel of a quantized activation, or of all together."""
        if tensor in self.draft.splits:
            return self.draft.splits[tensor].of_channels()
        if tensor in self.draft.factors:
            return self.draft.factors[tensor].of_channels(self.params[tensor])
        return self.draft.channels.get(tensor, self.params[tensor])

    def rounding_ratio(self, tensor: str) -> float:
        """Power of the rounding error of an activation over that with one scale for all of it.

        It is 1 but for activations whose channels have scales of their own or are read in parts.
        """
        if tensor in self.draft.splits:  # the sum of a channel's parts is as fine as one of them
            scale = self.draft.splits[tensor].params.scale
        else:
            scale = self.channel_params(tensor).scale
        ratios = scale.astype(np.float64) / float(self.params[tensor].scale)
        return float(np.square(ratios).mean())

    def with_own_scales(self, tensor: str, error: LocalError) -> LocalError:
        """What is left of a local error where channels have scales of their own.

        Args:
            tensor: A quantized activation.
            error: Its error with one scale for all channels.
        """
        rounding = error.rounding_mse * self.rounding_ratio(tensor)
        params, stats = self.channel_params(tensor), self.calibration.tensors.get(tensor)
        clipping = error.clipping_mse
        if params is not self.params[tensor] and stats is not None:
            before = np.square(channel_excess(stats, self.params[tensor])).sum()
            left = np.square(channel_excess(stats, params)).sum()
            clipping *= float(left / before) if before else 1.0
        return replace(error, rounding_mse=rounding, clipping_mse=clipping)

    @property
    def contexts(self) -> Mapping[str, TensorContext]:
        """Consumers and channels' noise gain of each tensor that has statistics."""
        return tensor_contexts(self.float_model, self.calibration)

    def with_recipe(self, recipe: Recipe) -> "QuantizedModel":
        """The float model quantized by another recipe, from the same statistics.

        Raises:
            RecipeError: If a rule names a node or tensor that the model does not have.
            ModelError: If a type needs a later opset that the model cannot be converted to.
        """
        return quantize(self.float_model, self.calibration, recipe)

    def to_bytes(self) -> bytes:
        """The int8 model as the bytes of an ``.onnx`` file."""
        return self._serialized

    def tapped_bytes(self) -> bytes:
        """The same with every quantized tensor in real units, to look into: see ``tensor_map``."""
        return self._tapped

    def verify(self) -> tuple[LevelCheck, ...]:
        """Compare ONNX Runtime at every optimization level with the simulation on a real sample.

        Raises:
            ExportError: If the model does not pass.
        """
        name = self.float_model.name
        if self.float_model.well_formed and not self.float_model.mapped_bytes:
            check_valid(self.to_bytes(), name)
        return verify(self.to_bytes(), self.graph, self.probe, name)

    def save(self, path: str | Path) -> SaveReport:
        """Write the model to ``path`` and its recipe beside it, verified, or nothing.

        Args:
            path: The ``.onnx`` file to write; its folder must exist.

        Returns:
            What was written, with the verification.

        Raises:
            ExportError: If it cannot be written or does not verify.
        """
        self.float_model.release()
        return write_verified(
            self.graph,
            self.recipe.dumps(),
            self.probe,
            Path(path),
            external_data=self.float_model.external_data,
            valid=self.float_model.well_formed,
        )

    @cached_property
    def _tapped(self) -> bytes:
        if not self.unmultiplied:
            return self._serialized
        graph = self.graph.clone()
        RealUnits(self.draft.factors, self.unmultiplied, self.tensor_map)(graph)
        return to_bytes(graph)

    @cached_property
    def _serialized(self) -> bytes:
        return to_bytes(self.graph)


def _asked_inside(recipe: Recipe, node: ir.Node) -> tuple[bool, bool]:
    """Whether the weights inside of a node become integers, and whether per channel."""
    settings, _ = recipe.settings(str(node.name), node.op_type)
    return settings.quantize_weight and not settings.skip, settings.per_channel


def quantize(model: Model, calibration: Calibration, recipe: Recipe) -> QuantizedModel:
    """Quantize ``model`` as ``recipe`` says, with ranges from ``calibration``.

    Pure and deterministic: the same model, calibration and recipe give the same bytes.

    Args:
        model: The prepared float model; not changed.
        calibration: Statistics of its tensors.
        recipe: What to do.

    Returns:
        The int8 model with all that was decided.

    Raises:
        DataError: If the calibration was made for another model.
        RecipeError: If a rule names a node or tensor that the model does not have, or the recipe
            an unknown repair or pass.
        ModelError: If a type needs a later opset that the model cannot be converted to.
    """
    if calibration.model_fingerprint != model.fingerprint:
        raise DataError(
            f"calibration: expected statistics of {model.name} "
            f"({model.fingerprint[:12]}), found those of another model "
            f"({calibration.model_fingerprint[:12]}); calibrate this model"
        )
    resolved = plan(model, recipe, calibration)
    decided = group_ranges(model, resolved, calibration)
    params = tensor_params(resolved.tensors, decided)
    unrounded = tensor_params(resolved.float_tensors, decided)
    constants, notes = quantize_constants(model, resolved, {**params, **unrounded})
    draft = repaired(
        Draft(model, resolved, calibration, {**params, **unrounded}, constants, notes=notes),
        recipe.repairs,
    )
    notes = (*unheld_notes(model, calibration), *draft.notes)
    verdicts = activation_verdicts(model, resolved, calibration, params)
    dropped = frozenset(name for name, verdict in verdicts.items() if verdict.dropped)
    made = quantized_graph(draft, params, dropped)
    inside = QuantizeBodies(partial(_asked_inside, recipe)).call(made.graph)
    notes = (*notes, *inside.notes)
    apply_passes(made.graph, recipe.passes)
    if (found := model.graph.opset_imports.get("", 0)) < resolved.min_opset:
        notes = (*notes, f"The model was raised from opset {found} to {resolved.min_opset}.")
    return QuantizedModel(
        float_model=model,
        calibration=calibration,
        recipe=recipe,
        plan=resolved,
        graph=made.graph,
        ranges=MappingProxyType(
            {name: decided[tensor.group].ends for name, tensor in resolved.tensors.items()}
        ),
        group_ranges=MappingProxyType({name: decided[name] for name in resolved.groups}),
        params=MappingProxyType(params),
        constants=draft.constants,
        draft=draft,
        activations=MappingProxyType(verdicts),
        tensor_map=MappingProxyType(dict(made.tensor_map)),
        unmultiplied=MappingProxyType(dict(made.unmultiplied)),
        notes=notes,
        probe=calibration.probe,
    )
