"""Every tool's choice for one tensor whose batches are the arrays of a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quant.data.npy import open_arrays, read_headers
from quant.errors import DataError
from quant.tool_rules.base import TOOL_RULES, Batches, RuleFails, RuleResult


@dataclass(frozen=True, eq=False)
class Picks:
    """What the tools chose.

    Attributes:
        chosen: ``tool.key`` -> choice, for the tools that choose.
        failed: ``tool.key`` -> why the tool itself fails on these batches.
    """

    chosen: dict[str, RuleResult]
    failed: dict[str, str]

    def to_json(self) -> dict[str, dict[str, float | list[float] | None]]:
        """Tool -> rule -> choice in the tool's own terms; None where the tool fails."""
        document: dict[str, dict[str, float | list[float] | None]] = {}
        for name, choice in TOOL_RULES.items():
            pick = self.chosen.get(name)
            document.setdefault(choice.tool, {})[choice.key] = pick.to_json() if pick else None
        return document

    def lines(self) -> list[str]:
        """One line a choice: its name, the form of its numbers, and the numbers."""
        width = max(len(name) for name in TOOL_RULES)
        found: list[str] = []
        for name in TOOL_RULES:
            pick = self.chosen.get(name)
            if pick is None:
                text = self.failed[name]
            else:
                text = ", ".join(f"{value:.9g}" for value in pick.values)
                text = f"{pick.form.value}: {text if len(pick.values) == 1 else f'[{text}]'}"
            found.append(f"{name:{width}}  {text}")
        return found


def picks(batches: Batches) -> Picks:
    """What every tool would choose, each on its own exact grid.

    Args:
        batches: float32, at least one, each with at least one value and one axis, all finite.
            Axis 0 holds the samples.
    """
    chosen: dict[str, RuleResult] = {}
    failed: dict[str, str] = {}
    for name, choice in TOOL_RULES.items():
        try:
            chosen[name] = choice.exact(batches)
        except RuleFails as reason:
            failed[name] = str(reason)
    return Picks(chosen, failed)


def read_batches(path: Path) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """The arrays of a ``.npz`` file in the order they are stored, as the batches of one tensor.

    Args:
        path: The file.

    Returns:
        float32 arrays; axis 0 of each holds its samples.

    Raises:
        DataError: The file cannot be read, holds no arrays or what is not a plain array of
            numbers, or an array is empty, has no axis, or holds NaN, Inf or what overflows float32.
    """
    if path.suffix != ".npz":
        raise DataError(f"{path.name}: expected a .npz file; save the batches with numpy.savez")
    headers = read_headers(path)
    if not headers:
        raise DataError(
            f"{path.name}: expected the batches of one tensor, found no arrays; save them with "
            "numpy.savez"
        )
    batches: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    for name, header in headers.items():
        if not header.shape or 0 in header.shape:
            raise DataError(
                f"{path.name}: the array {name!r}: expected samples along axis 0 with values in "
                f"them, found shape {header.shape}; leave it out"
            )
        if header.dtype.kind == "U":
            raise DataError(f"{path.name}: the array {name!r}: it holds text, not numbers")
        with open_arrays(path, [name]) as read, np.errstate(over="ignore"):
            batch = read(header.shape[0])[name].astype(np.float32)
        if not np.isfinite(batch).all():
            raise DataError(
                f"{path.name}: the array {name!r}: expected finite numbers that fit float32, found "
                "NaN, Inf or larger ones; leave those values out"
            )
        batches.append(batch)
    return batches
