"""With equal settings and samples: who stays closer to the float model, ONNX Runtime's tool or us.

``python -m tests.bench.parity`` prints the table for every sample and the two third-party models.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.version_converter
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType

import quant
from quant.runtime.session import InferenceSession, Level
from quant.types import QType
from tests.bench import peer
from tests.bench.subjects import Subject, detector, orientation, sample
from tests.bench.table import Table

Outputs = Mapping[str, NDArray[np.float64]]

BATCH = 16


@dataclass(frozen=True)
class Setting:
    """The same request in both languages; observed ranges, Q/DQ form and int8 weights throughout.

    Attributes:
        label: What to call it.
        recipe: Ours.
        options: Those of ``quantize_static``.
    """

    label: str
    recipe: quant.Recipe
    options: Mapping[str, Any]


SETTINGS = (
    Setting(
        "int8 asymmetric, per tensor",
        quant.preset("onnxruntime-default"),
        {},
    ),
    Setting(
        "uint8 asymmetric, per channel",
        quant.Recipe("parity", quant.Settings(activation_type=QType.UINT8, per_channel=True)),
        {"activation_type": QuantType.QUInt8, "per_channel": True},
    ),
    Setting(
        "int8 symmetric, per tensor",
        quant.Recipe(
            "parity",
            quant.Settings(
                activation_type=QType.INT8, activation_symmetric=True, per_channel=False
            ),
        ),
        {"extra_options": {"ActivationSymmetric": True}},
    ),
)


@dataclass(frozen=True)
class Closeness:
    """How one int8 model does on the evaluation samples.

    Attributes:
        sqnr_db: Of all outputs against the float model's, in dB.
        top1: Share of samples whose largest output is the labelled class, or None without labels.
    """

    sqnr_db: float
    top1: float | None


@dataclass(frozen=True)
class Parity:
    """Both int8 models of one subject under one setting.

    Attributes:
        subject: The subject's name.
        setting: The setting's label.
        float_top1: Of the float model, or None without labels.
        ours: Our model.
        theirs: That of ``quantize_static``.
    """

    subject: str
    setting: str
    float_top1: float | None
    ours: Closeness
    theirs: Closeness


@dataclass(frozen=True, eq=False)
class Study:
    """What all settings of a subject share.

    Attributes:
        subject: Where the files are.
        model: The float model.
        data: What both tools calibrate with.
        calibration: Our statistics.
        evaluation: What to evaluate with.
        samples: How many samples both tools calibrate with.
        evaluated: How many samples to evaluate with.
        level: ONNX Runtime's optimization level to evaluate at.
        reference: Outputs of the float model.
    """

    subject: Subject
    model: quant.Model
    data: quant.Dataset
    calibration: quant.Calibration
    evaluation: quant.Dataset
    samples: int
    evaluated: int
    level: Level
    reference: Outputs

    def closeness(self, content: bytes) -> Closeness:
        """Evaluate an int8 model."""
        found = run(InferenceSession(content, level=self.level), self.evaluation, self.evaluated)
        return Closeness(sqnr_db(self.reference, found), top1(found, self.evaluation.labels))


def study(subject: Subject, *, samples: int, evaluated: int, level: Level = "all") -> Study:
    """Calibrate a subject and run its float model; see :class:`Study`."""
    model = quant.load(subject.model_path)
    data = quant.open_data(subject.calibration_path, model)
    evaluation = quant.open_data(subject.evaluation_path, model)
    return Study(
        subject=subject,
        model=model,
        data=data,
        calibration=quant.calibrate(model, data, samples=samples),
        evaluation=evaluation,
        samples=samples,
        evaluated=evaluated,
        level=level,
        reference=run(InferenceSession(subject.model_path, level=level), evaluation, evaluated),
    )


def compare(of: Study, setting: Setting) -> Parity:
    """Quantize a subject with both tools on the same samples and run both results.

    Our model also passes onnx.checker and runs at every optimization level on the way.

    Args:
        of: The subject.
        setting: What to ask of both.

    Returns:
        How both do.
    """
    made = quant.quantize(of.model, of.calibration, setting.recipe)
    made.verify()
    theirs = quantized_by_peer(of.subject.model_path, of.data, of.samples, setting.options)
    return Parity(
        of.subject.name,
        setting.label,
        top1(of.reference, of.evaluation.labels),
        of.closeness(made.to_bytes()),
        of.closeness(theirs),
    )


def quantized_by_peer(
    model: Path, data: quant.Dataset, samples: int, options: Mapping[str, Any]
) -> bytes:
    """What ``quant_pre_process`` and ``quantize_static`` make of a model with observed ranges.

    A model below opset 13 is converted first: per channel, the result would not load otherwise.
    """
    proto = onnx.load(model)
    if proto.opset_import[0].version < 13:
        proto = onnx.version_converter.convert_version(proto, 13)
    with tempfile.TemporaryDirectory() as folder:
        source, prepared, out = (Path(folder) / f"{n}.onnx" for n in ("float", "prepared", "int8"))
        onnx.save(proto, source)
        peer.preprocess(source, prepared)
        peer.quantize(prepared, out, peer.Reader(data, BATCH, samples), **options)
        return out.read_bytes()


def run(session: InferenceSession, data: quant.Dataset, samples: int) -> Outputs:
    """All outputs over the samples, float64, samples along the first axis."""
    found = [session.run(batch.feeds) for batch in data.batches(BATCH, samples)]
    return {
        name: np.concatenate([part[name].astype(np.float64) for part in found]) for name in found[0]
    }


def sqnr_db(reference: Outputs, test: Outputs) -> float:
    """Signal to difference ratio over all outputs together, in dB."""
    signal = sum(float((a**2).sum()) for a in reference.values())
    noise = sum(float(((reference[name] - test[name]) ** 2).sum()) for name in reference)
    return float(10 * np.log10(signal / noise)) if noise else float("inf")


def top1(outputs: Outputs, labels: NDArray[np.int64] | None) -> float | None:
    """Share of samples whose largest score is at the label; None without labels."""
    if labels is None:
        return None
    scores = next(iter(outputs.values()))
    return float((scores.argmax(axis=1) == labels[: len(scores)]).mean())


def table(rows: list[Parity]) -> Table:
    """The table of the results."""

    def share(value: float | None) -> str:
        return "" if value is None else f"{100 * value:.1f} %"

    return Table(
        "Closeness to float with equal ranges (output sqnr; top-1 where there are labels)",
        (
            "model",
            "setting",
            "ours",
            "quantize_static",
            "ours - theirs",
            "float top-1",
            "ours",
            "theirs",
        ),
        tuple(
            (
                row.subject,
                row.setting,
                f"{row.ours.sqnr_db:.2f} dB",
                f"{row.theirs.sqnr_db:.2f} dB",
                f"{row.ours.sqnr_db - row.theirs.sqnr_db:+.2f} dB",
                share(row.float_top1),
                share(row.ours.top1),
                share(row.theirs.top1),
            )
            for row in rows
        ),
        left=(0, 1),
    )


def main() -> None:
    """Measure and print."""
    subjects = [
        *map(sample, ("fmnist_mobilenet", "fmnist_resnet", "spam_transformer")),
        orientation(64, 200),
        detector(16, 16, least_side=192),
    ]
    studies = (study(subject, samples=64, evaluated=500) for subject in subjects)
    rows = [compare(found, setting) for found in studies for setting in SETTINGS]
    print(table(rows))


if __name__ == "__main__":
    main()
