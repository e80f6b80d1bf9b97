"""Three small trained models to try the tool with, each with its calibration and evaluation sets.

The models are rebuilt by ``build.py``; this module only says which samples there are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

InputKind = Literal["image", "tokens"]

_ROOT: Final = Path(__file__).parent
_ORDER: Final = ("fmnist_mobilenet", "fmnist_resnet", "spam_transformer")

__all__ = ["InputKind", "Sample", "find", "samples"]


@dataclass(frozen=True)
class Sample:
    """A model with the data to quantize and judge it.

    Attributes:
        name: Folder name and identifier.
        title: Short title for people.
        summary: One or two sentences for people.
        input_kind: What the model reads: grey images or token ids.
        class_names: Names of the classes by index.
        folder: Where the files are.
    """

    name: str
    title: str
    summary: str
    input_kind: InputKind
    class_names: tuple[str, ...]
    folder: Path

    @property
    def model_path(self) -> Path:
        """The float ONNX model."""
        return self.folder / "model.onnx"

    @property
    def calibration_path(self) -> Path:
        """Inputs for calibration; arrays are named after the model inputs."""
        return self.folder / "calibration.npz"

    @property
    def evaluation_path(self) -> Path:
        """Inputs for evaluation and their ``labels``."""
        return self.folder / "evaluation.npz"


def samples() -> tuple[Sample, ...]:
    """All samples, the default one first.

    Returns:
        The samples described by the ``sample.json`` files.
    """
    return tuple(_read(_ROOT / name) for name in _ORDER)


def find(name: str) -> Sample:
    """Look up a sample.

    Args:
        name: Identifier of the sample.

    Returns:
        The sample.

    Raises:
        KeyError: If there is no sample of that name.
    """
    if name not in _ORDER:
        raise KeyError(f"unknown sample {name!r}; known samples: {', '.join(_ORDER)}")
    return _read(_ROOT / name)


def _read(folder: Path) -> Sample:
    text = (folder / "sample.json").read_text(encoding="utf-8")
    fields = cast("dict[str, object]", json.loads(text))
    kind = str(fields["input_kind"])
    if kind not in ("image", "tokens"):
        raise ValueError(f"{folder.name}: unknown input kind {kind!r}")
    return Sample(
        name=str(fields["name"]),
        title=str(fields["title"]),
        summary=str(fields["summary"]),
        input_kind=kind,
        class_names=tuple(str(item) for item in cast("list[object]", fields["class_names"])),
        folder=folder,
    )
