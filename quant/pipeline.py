"""The spine: model, statistics and recipe in, int8 model out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.calibrators import chosen_range
from quant.errors import DataError
from quant.export.verified import LevelCheck, SaveReport, verify, write_verified
from quant.model.model import Model
from quant.model.prepare import raise_opset
from quant.numerics import params_from_range
from quant.params.clamps import ActivationVerdict, clamps_the_same, drop_loss_db
from quant.params.constants import QuantizedConstant, quantize_constants
from quant.passes.drop_activations import DropActivations
from quant.passes.insert_qdq import InsertQdq
from quant.passes.quantize_constants import QuantizeConstants
from quant.passes.shield_float import ShieldFloatWeights
from quant.planning.plan import Group, Plan, TensorPlan, plan
from quant.recipe.recipe import Recipe
from quant.statistics.collect import Calibration
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantParams


@dataclass(frozen=True, eq=False)
class QuantizedModel:
    """An int8 model in memory, and everything that was decided on the way.

    Attributes:
        float_model: The float model it was made from.
        recipe: What was asked.
        plan: The recipe resolved on the model.
        graph: The int8 graph, in Q/DQ form.
        ranges: The range (rmin, rmax) in real units of each quantized activation.
        params: Scale and zero point of each quantized activation.
        constants: Weights, constant operands and biases as integers.
        activations: For each Relu or Clip, what dropping it does.
        tensor_map: Float tensor -> the tensor of the int8 graph that quantized consumers read.
        notes: Sentences about what did not go as asked.
        probe: Inputs of one real sample, to verify exported files with.
    """

    float_model: Model
    recipe: Recipe
    plan: Plan
    graph: ir.Model
    ranges: Mapping[str, tuple[float, float]]
    params: Mapping[str, QuantParams]
    constants: tuple[QuantizedConstant, ...]
    activations: Mapping[str, ActivationVerdict]
    tensor_map: Mapping[str, str]
    notes: tuple[str, ...]
    probe: Mapping[str, NDArray[np.generic]]

    def to_bytes(self) -> bytes:
        """The int8 model as the bytes of an ``.onnx`` file."""
        return self._serialized

    def verify(self) -> tuple[LevelCheck, ...]:
        """Compare ONNX Runtime at every optimization level with the simulation on a real sample.

        Raises:
            ExportError: If the model does not pass.
        """
        return verify(self.to_bytes(), self.graph, self.probe, self.float_model.name)

    def save(self, path: str | Path) -> SaveReport:
        """Write the model to ``path`` and its recipe beside it, verified, or nothing.

        Args:
            path: The ``.onnx`` file to write; its folder must exist.

        Returns:
            What was written, with the verification.

        Raises:
            ExportError: If it cannot be written or does not verify.
        """
        return write_verified(
            self.graph,
            self.to_bytes(),
            self.recipe.dumps(),
            self.probe,
            Path(path),
            external_data=self.float_model.external_data,
        )

    @cached_property
    def _serialized(self) -> bytes:
        return ir.to_proto(self.graph).SerializeToString(deterministic=True)


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
        RecipeError: If a rule names a node or tensor that the model does not have.
        ModelError: If a type needs a later opset that the model cannot be converted to.
    """
    if calibration.model_fingerprint != model.fingerprint:
        raise DataError(
            f"calibration: expected statistics of {model.name} "
            f"({model.fingerprint[:12]}), found those of another model "
            f"({calibration.model_fingerprint[:12]}); calibrate this model"
        )
    resolved = plan(model, recipe)
    ranges = group_ranges(resolved, calibration)
    params = {
        name: params_from_range(*ranges[tensor.group], resolved.tensors[tensor.group].spec)
        for name, tensor in resolved.tensors.items()
    }
    verdicts = _judge_activations(model, resolved, calibration, params)
    constants, notes = quantize_constants(model, resolved, params)

    dropped = frozenset(name for name, verdict in verdicts.items() if verdict.dropped)
    graph, seen_as = assemble(model, resolved, params, constants, dropped)
    if (found := model.graph.opset_imports.get("", 0)) < resolved.min_opset:
        notes = (*notes, f"The model was raised from opset {found} to {resolved.min_opset}.")
    return QuantizedModel(
        float_model=model,
        recipe=recipe,
        plan=resolved,
        graph=graph,
        ranges=MappingProxyType({n: ranges[t.group] for n, t in resolved.tensors.items()}),
        params=MappingProxyType(params),
        constants=constants,
        activations=MappingProxyType(verdicts),
        tensor_map=MappingProxyType(seen_as),
        notes=notes,
        probe=calibration.probe,
    )


def assemble(
    model: Model,
    resolved: Plan,
    params: Mapping[str, QuantParams],
    constants: Sequence[QuantizedConstant],
    dropped: frozenset[str],
) -> tuple[ir.Model, dict[str, str]]:
    """Make the int8 graph from what was decided.

    Args:
        model: The prepared float model; not changed.
        resolved: The plan; its tensors get Q/DQ pairs.
        params: Scale and zero point of each of them.
        constants: Weights, constant operands and biases to store as integers.
        dropped: Relu and Clip nodes to remove.

    Returns:
        The graph in Q/DQ form, and for each quantized tensor the name that its quantized
        consumers read.

    Raises:
        ModelError: If a type needs a later opset that the model cannot be converted to.
    """
    graph = model.graph.clone()
    if graph.opset_imports.get("", 0) < resolved.min_opset:
        raise_opset(graph, resolved.min_opset, model.name)
    insert = InsertQdq(resolved, params)
    shield = ShieldFloatWeights(_float_weights(resolved, constants))
    for step in (DropActivations(dropped), insert, QuantizeConstants(constants), shield):
        step(graph)
    return graph, insert.seen_as


def _float_weights(resolved: Plan, constants: Sequence[QuantizedConstant]) -> frozenset[str]:
    """The nodes whose weight stays float and which ONNX Runtime may take for a Gemm or Conv."""
    stored = {(constant.node, constant.index) for constant in constants}
    nodes = (item.node for item in resolved.nodes.values())
    return frozenset(
        node.name
        for node in nodes
        if node.op_type in {"Conv", "ConvTranspose", "Gemm", "MatMul"}
        and node.weight is not None
        and (node.name, node.weight.index) not in stored
    )


def group_ranges(resolved: Plan, calibration: Calibration) -> dict[str, tuple[float, float]]:
    """The range of each group: a fixed one where a rule sets it, else what calibrators choose.

    Args:
        resolved: The plan.
        calibration: Statistics of its tensors.

    Returns:
        Group name -> (rmin, rmax) in real units.

    Raises:
        DataError: If the calibration lacks a tensor.
    """
    return {
        name: _group_range(group, resolved, calibration) for name, group in resolved.groups.items()
    }


def _group_range(group: Group, resolved: Plan, calibration: Calibration) -> tuple[float, float]:
    ranges = (resolved.tensors[name].settings.range for name in group.members)
    fixed = [found for found in ranges if found is not None]
    if fixed:
        return fixed[-1]
    chosen = [
        calibrated_range(tensor_stats(calibration, name), resolved.tensors[name])
        for name in group.ranges_from
    ]
    return min(low for low, _ in chosen), max(high for _, high in chosen)


def tensor_stats(calibration: Calibration, tensor: str) -> TensorStats:
    """The statistics of ``tensor``.

    Raises:
        DataError: If the calibration does not have them.
    """
    stats = calibration.tensors.get(tensor)
    if stats is None:
        raise DataError(
            f"calibration: tensor {tensor!r} has no statistics; calibrate the model again"
        )
    return stats


def calibrated_range(stats: TensorStats, tensor: TensorPlan) -> tuple[float, float]:
    """What a tensor's calibrator chooses."""
    return chosen_range(tensor.settings.calibrator, stats, tensor.spec)


def _judge_activations(
    model: Model, resolved: Plan, calibration: Calibration, params: Mapping[str, QuantParams]
) -> dict[str, ActivationVerdict]:
    """Decide for every Relu and Clip whether it can be dropped, and whether it is."""
    verdicts: dict[str, ActivationVerdict] = {}
    for name, item in resolved.nodes.items():
        clamp = item.node.clamp
        if clamp is None:
            continue
        source, output = item.node.inputs[0], item.node.outputs[0]
        why = ""
        if not item.quantized or output not in params:
            why = "its output is not quantized"
        elif model.consumers[source] != (name,):
            why = "something else reads its input"
        elif source not in model.producers:
            why = "its input is an input of the model"
        if why:
            verdicts[name] = ActivationVerdict(name, False, False, False, None, why)
            continue
        lossless = clamps_the_same(*clamp, params[output])
        wanted = item.settings.drop_activation
        loss = 0.0
        if not lossless:
            loss = drop_loss_db(*clamp, tensor_stats(calibration, source), params[output])
        verdicts[name] = ActivationVerdict(
            name,
            lossless=lossless,
            possible=True,
            dropped=wanted == "always" or (wanted == "lossless" and lossless),
            loss_db=loss,
            reason="lossless" if lossless else f"lossy by {loss:.1f} dB",
        )
    return verdicts
