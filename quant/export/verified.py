"""Write an int8 model with its recipe, after proving that it computes what was shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray

from quant.error_model.differences import differences
from quant.error_model.sqnr import decibels, sqnr_db
from quant.errors import ExportError
from quant.export.external_data import SUFFIX, move_weights_out
from quant.io.atomic import Content, staged
from quant.model.serialize import to_bytes
from quant.passes.simulate_qdq import SimulateQdq
from quant.runtime.session import LEVELS, InferenceSession, Level, holds_numbers
from quant.runtime.shaking import NOISE, shaken

RECIPE_SUFFIX = ".recipe.json"
MIN_SQNR_DB = {"disabled": 40.0, "basic": 10.0, "extended": 10.0, "all": 10.0}
"""A file whose outputs differ from the simulation by more than this is refused.

Without optimization the runtime follows the definition, and only sums of floats in another order
tell them apart. Its integer kernels round ties the other way now and then, which a fragile network
carries to its output at the size of its own quantization noise; a wrong scale, a missing node or
saturating kernels fall below.
"""


LEAST_FRAGILE_DB = 10.0
"""Down to this, a file is taken whose first difference to the simulation is no larger than a few
codes rounded the other way: a deep network carries those to its outputs, each layer a little more.
"""

_DRAWS = 4
"""How often the inputs are shaken: a decision near its edge does not fall over every time."""

NOTICEABLE_DB = 80.0
FEW_CODES_DB = 30.0

_LARGE_BYTES = 512 << 20
"""A larger file is checked without copies of its weights kept for a next run."""


@dataclass(frozen=True)
class LevelCheck:
    """How the written file compares with the simulation at one optimization level.

    Attributes:
        level: ONNX Runtime's graph optimization level.
        sqnr_db: Signal to difference ratio of the outputs in dB; infinite when equal.
        max_abs: Largest absolute difference of the outputs, in their units.
    """

    level: str
    sqnr_db: float
    max_abs: float


@dataclass(frozen=True)
class SaveReport:
    """What was written and how it was verified.

    Attributes:
        path: The model file.
        recipe_path: The recipe beside it.
        size_bytes: Size of the model file, with its external data if any.
        checks: The comparison with the simulation at every optimization level.
    """

    path: Path
    recipe_path: Path
    size_bytes: int
    checks: tuple[LevelCheck, ...]


def recipe_path(path: Path) -> Path:
    """Where the recipe of the model file ``path`` is written."""
    return path.with_name(path.name.removesuffix(".onnx") + RECIPE_SUFFIX)


def write_verified(
    graph: ir.Model,
    recipe: str,
    probe: Mapping[str, NDArray[np.generic]],
    path: Path,
    *,
    external_data: bool,
    valid: bool = True,
) -> SaveReport:
    """Write a model and its recipe together, or nothing.

    Args:
        graph: The int8 graph to write.
        recipe: Text of the ``.recipe.json`` file.
        probe: Inputs of one real sample to verify with.
        path: The model file to write.
        external_data: Keep the weights in ``<path>.data``, as the float model does.
        valid: Whether onnx.checker has to pass it; not where the float model does not pass.

    Returns:
        What was written, with the verification.

    Raises:
        ExportError: If the folder cannot be written, the disk is full, or the file does not pass
            onnx.checker, does not run, or computes something else than the simulation. Nothing is
            left behind then.
    """
    if not path.name:
        raise ExportError(
            f"{path}: expected the name of a file to write, found a folder; add a name to it"
        )
    target = path if path.suffix == ".onnx" else path.with_name(path.name + ".onnx")
    beside = recipe_path(target)
    files: dict[Path, Content] = {beside: recipe.encode()}
    if external_data:
        location = target.with_name(target.name + SUFFIX)
        files[target], files[location] = move_weights_out(to_bytes(graph), location.name)
    else:
        files[target] = to_bytes(graph)
    size = sum(_size(content) for name, content in files.items() if name != beside)
    with staged(files) as waiting:
        files.clear()  # they are on the disk now
        if valid:
            check_valid(waiting[target], target.name)
        checks = verify(waiting[target], graph, probe, target.name)
    return SaveReport(target, beside, size, checks)


def _size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else sum(map(len, content))


def _stored_size(path: Path) -> int:
    files = (path, path.with_name(path.name + SUFFIX))
    return sum(file.stat().st_size for file in files if file.exists())


def check_valid(model: bytes | Path, name: str) -> None:
    """Check a model's form.

    Args:
        model: An ``.onnx`` file, or its content.
        name: What to call the file in messages.

    Raises:
        ExportError: If it does not pass onnx.checker.
    """
    try:
        checker = cast("Any", onnx.checker)
        checker.check_model(str(model) if isinstance(model, Path) else model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(f"{name}: onnx.checker refuses the model: {reason}") from error


def verify(
    model: bytes | Path,
    graph: ir.Model,
    probe: Mapping[str, NDArray[np.generic]],
    name: str,
) -> tuple[LevelCheck, ...]:
    """Run a model at every optimization level against the simulation.

    The simulation spells quantization out in elementary float operators and shares no kernel with
    what it checks.

    Args:
        model: An ``.onnx`` file, or its content.
        graph: The int8 graph that it holds.
        probe: Inputs of one real sample.
        name: What to call the file in messages.

    Returns:
        The comparison at every level, as a user runs it first.

    Raises:
        ExportError: If it does not run or computes something else.
    """
    simulated = graph.clone()
    SimulateQdq()(simulated)
    large = (_stored_size(model) if isinstance(model, Path) else len(model)) >= _LARGE_BYTES

    def outputs(content: bytes | Path, level: Level) -> Mapping[str, NDArray[np.generic]]:
        return InferenceSession(content, level=level, lean=large).run(probe)

    reference = outputs(to_bytes(simulated), "disabled")
    checks = tuple(_compare(level, reference, outputs(model, level)) for level in LEVELS)
    for check in checks:
        least = MIN_SQNR_DB[check.level]
        if check.sqnr_db >= least:
            continue
        if check.sqnr_db >= LEAST_FRAGILE_DB and begins_small(model, simulated, probe):
            continue
        if check.level != "disabled" and check.sqnr_db >= shaken_db(simulated, probe):
            continue
        raise ExportError(
            f"{name}: at optimization level {check.level!r} ONNX Runtime computes other "
            f"outputs than the simulation (sqnr {decibels(check.sqnr_db)}, expected at least "
            f"{least:.0f} dB); nothing was written"
        )
    return checks


def shaken_db(simulated: ir.Model, probe: Mapping[str, NDArray[np.generic]]) -> float:
    """How far the simulation is from itself where only the last digits of the inputs change, in dB.

    Ties that a kernel rounds the other way do to the outputs what such a change does. Where that is
    much, as a pitch that jumps to another octave is, nothing smaller tells a wrong file from it.

    Args:
        simulated: A graph with quantization spelled out.
        probe: Inputs of one real sample.

    Returns:
        The least of a few draws.
    """
    session, rng = InferenceSession(to_bytes(simulated), level="disabled"), np.random.default_rng(0)
    still = session.run(probe)
    moved = (session.run(shaken(probe, NOISE, rng)) for _ in range(_DRAWS))
    return min(_compare("disabled", still, found).sqnr_db for found in moved)


def begins_small(
    model: bytes | Path, simulated: ir.Model, probe: Mapping[str, NDArray[np.generic]]
) -> bool:
    """Whether the first tensor that differs from the simulation differs by a few codes only.

    A scale that is wrong, a node that is missing or a kernel that saturates changes the first
    tensor that it touches by much more.

    Args:
        model: An ``.onnx`` file, or its content.
        simulated: Its graph with quantization spelled out.
        probe: Inputs of one real sample.
    """
    made = {name for outputs in _outputs_of(model) for name in outputs}
    taps = [
        str(value.name)
        for node in simulated.graph
        for value in node.outputs
        if value.name in made and value.dtype in {None, ir.DataType.FLOAT}
    ]
    reference = InferenceSession(to_bytes(simulated), taps=taps, level="disabled").run(probe)
    found = InferenceSession(model, taps=taps, level="disabled").run(probe)
    for name in taps:
        if not holds_numbers(reference[name]) or reference[name].shape != found[name].shape:
            continue
        check = _compare("disabled", {name: reference[name]}, {name: found[name]})
        if check.sqnr_db < NOTICEABLE_DB:
            return check.sqnr_db >= FEW_CODES_DB
    return True


def _outputs_of(model: bytes | Path) -> list[list[str]]:
    proto = onnx.ModelProto()
    proto.ParseFromString(model if isinstance(model, bytes) else model.read_bytes())
    return [list(node.output) for node in proto.graph.node]


def _compare(
    level: str,
    reference: Mapping[str, NDArray[np.generic]],
    found: Mapping[str, NDArray[np.generic]],
) -> LevelCheck:
    pairs = [differences(reference[name], found[name]) for name in reference]
    noise = sum(float((difference**2).sum()) for _, difference in pairs)
    signal = sum(float((a**2).sum()) for a, _ in pairs)
    largest = max((float(np.abs(d).max(initial=0.0)) for _, d in pairs), default=0.0)
    return LevelCheck(level, sqnr_db(signal, noise), largest)
