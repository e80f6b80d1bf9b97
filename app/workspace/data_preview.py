"""What a model is fed: the range of its inputs in the first samples, and pictures of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from analysis.report.image import picture
from quant.data.dataset import Dataset
from quant.data.images.folder import image_folder
from quant.data.images.reading import read_picture
from quant.errors import DataError

PREVIEW_SAMPLES: Final = 64
PREVIEW_IMAGES: Final = 8
SEEN_PX: Final = 128


@dataclass(frozen=True, eq=False)
class Preview:
    """What a model is fed.

    Attributes:
        samples: Number of samples looked at.
        ranges: Input -> its least and greatest value in them.
        images: The first samples as pictures, uint8 of shape (height, width) or (height, width,
            3), where an input looks like one; else empty.
    """

    samples: int
    ranges: dict[str, tuple[float, float]]
    images: tuple[NDArray[np.uint8], ...]


@st.cache_resource(max_entries=8, show_spinner=False)
def preview(digest: str, fingerprint: str, _data: Dataset) -> Preview:
    """Look at the first samples of the data."""
    del digest, fingerprint
    ranges: dict[str, tuple[float, float]] = {}
    images: list[NDArray[np.uint8]] = []
    count = 0
    for sample in _data.samples(PREVIEW_SAMPLES):
        count += 1
        for name, array in sample.items():
            if array.dtype.kind == "U":
                continue
            low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
            known = ranges.get(name, (low, high))
            ranges[name] = (min(known[0], low), max(known[1], high))
        if len(images) < PREVIEW_IMAGES and len(sample) == 1:
            shown = picture(next(iter(sample.values())), _data.preprocessing)
            images += [] if shown is None else [shown.levels]
    return Preview(count, ranges, tuple(images))


@st.cache_resource(max_entries=8, show_spinner=False)
def files_as_seen(digest: str, path: str) -> tuple[NDArray[np.uint8], ...]:
    """The first pictures of a folder as a person sees them, uint8, small."""
    del digest
    found: list[NDArray[np.uint8]] = []
    for file in image_folder(Path(path).expanduser()).files:
        if len(found) == PREVIEW_IMAGES:
            break
        try:
            image = read_picture(file)
        except DataError:
            continue
        image.thumbnail((SEEN_PX, SEEN_PX))
        found.append(np.asarray(image, np.uint8))
    return tuple(found)
