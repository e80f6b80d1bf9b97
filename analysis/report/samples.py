"""The worst samples: the input, what both models say, and the layers that clip it unusually."""

import base64
from dataclasses import dataclass

import numpy as np

from analysis.errors.per_sample import SampleError, unusual_layers
from analysis.report.format import decibels, shown
from analysis.report.image import picture
from analysis.study.analysis import Analysis

_CLASSES = 4


@dataclass(frozen=True)
class Image:
    """One input of a sample as a PNG file in base64, and how its values became levels."""

    name: str
    base64: str
    scaling: str


@dataclass(frozen=True)
class SampleCard:
    """What is known of one of the worst samples.

    Attributes:
        index: Its place in the data.
        title: Its place, label and error.
        images: The inputs that look like pictures.
        output: The name of the first output.
        shape: The shape of that output.
        scores: Class, float score and int8 score, the largest first; None where the output is no
            row of scores.
        clipped: The layers that clip it unusually, or one line that says there are none.
    """

    index: int
    title: str
    images: tuple[Image, ...]
    output: str
    shape: tuple[int, ...]
    scores: tuple[tuple[int, str, str], ...] | None
    clipped: tuple[str, ...]


def sample_cards(analysis: Analysis) -> tuple[SampleCard, ...]:
    """A card for each of the worst samples."""
    return tuple(_card(sample, analysis) for sample in analysis.sample_errors.worst)


def _card(sample: SampleError, analysis: Analysis) -> SampleCard:
    label = f" · label {sample.label}" if sample.label is not None else ""
    output = next(iter(sample.float_outputs))
    layers = tuple(
        f"{layer.tensor}: {100 * layer.clip_rate:.2f} % clipped, {layer.ratio:.1f} times the mean"
        for layer in unusual_layers(sample.index, analysis.outside)
    )
    return SampleCard(
        index=sample.index,
        title=f"Sample {sample.index}{label} · {decibels(sample.sqnr_db)}",
        images=_images(sample),
        output=output,
        shape=sample.float_outputs[output].shape,
        scores=None if sample.agrees is None else _scores(sample, output),
        clipped=layers or ("No layer clips it unusually.",),
    )


def _images(sample: SampleError) -> tuple[Image, ...]:
    seen = {name: picture(array) for name, array in sample.inputs.items()}
    return tuple(
        Image(name, base64.b64encode(image.png()).decode(), image.scaling)
        for name, image in seen.items()
        if image is not None
    )


def _scores(sample: SampleError, output: str) -> tuple[tuple[int, str, str], ...]:
    """The largest scores of an output in float and int8, in turns."""
    a, b = (
        outputs[output].astype(np.float64).ravel()
        for outputs in (sample.float_outputs, sample.int8_outputs)
    )
    places = dict.fromkeys(
        int(place)
        for both in zip(np.argsort(-a, kind="stable"), np.argsort(-b, kind="stable"), strict=True)
        for place in both
    )
    return tuple(
        (place, shown(float(a[place])), shown(float(b[place]))) for place in list(places)[:_CLASSES]
    )
