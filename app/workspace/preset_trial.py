"""How often the float model is right under each way to feed pictures: the right one shows."""

import time
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st

from quant.data.images.folder import image_folder
from quant.data.images.guess import guessed, image_input
from quant.data.images.preprocessing import PRESETS
from quant.data.images.reading import read_picture
from quant.model.model import Model
from quant.runtime.session import InferenceSession

PICTURES: Final = 24
"""Pictures that each preset is tried on, at most; they are taken from all over the folder."""

SECONDS: Final = 4.0
"""What all of it may take; where it takes longer, fewer pictures are tried."""


@st.cache_resource(max_entries=8, show_spinner=False)
def right_answers(
    fingerprint: str, stamp: str, path: str, size: tuple[int, int], _model: Model
) -> tuple[dict[str, int], int] | None:
    """Right answers of the float model by preset, and of how many pictures.

    Args:
        fingerprint: Of the model.
        stamp: What changes when the pictures do.
        path: The folder.
        size: Height and width, in pixels.
        _model: The model.

    Returns:
        Preset -> how many pictures the greatest number of the first output names rightly, and the
        number of pictures; None where the folder tells no classes.

    Raises:
        DataError: A picture cannot be read.
    """
    del fingerprint, stamp
    folder = image_folder(Path(path).expanduser())
    if folder.labels is None:
        return None
    info = image_input(_model)
    batch = next((d for d in (info.shape or ())[:1] if isinstance(d, int)), 1)
    ways = {name: guessed(_model, name, size).preprocessing for name in PRESETS}
    runtime = InferenceSession(_model.to_bytes())
    right = dict.fromkeys(PRESETS, 0)
    begun, tried = time.monotonic(), 0
    for place in range(0, len(folder.files), -(-len(folder.files) // PICTURES)):
        image = read_picture(folder.files[place])
        for name, way in ways.items():
            feeds = {info.name: np.repeat(way.sample(image)[None], batch, axis=0)}
            scores = next(iter(runtime.run(feeds).values()))[:1]
            right[name] += int(np.argmax(scores.reshape(-1)) == folder.labels[place])
        tried += 1
        if time.monotonic() - begun > SECONDS:
            break
    return right, tried
