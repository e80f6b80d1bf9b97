"""How often the float model is right under each way to feed pictures, as a job."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from app.jobs import JOBS, Job
from app.workspace.opening import stamp_of
from quant.data.images.folder import image_folder
from quant.data.images.guess import guessed, image_input
from quant.data.images.presets import PRESETS
from quant.data.images.reading import read_picture
from quant.errors import DataError
from quant.execution.progress import OnProgress, Reporter
from quant.model.model import Model
from quant.runtime.session import InferenceSession

PICTURES: Final = 24
"""Pictures that each preset is tried on, at most; they are taken from all over the folder."""


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Attributes:
        right: Preset -> pictures whose class the greatest number of the first output names.
        pictures: How many there were.
    """

    right: dict[str, int]
    pictures: int


def start_trial(model: Model, path: str, size: tuple[int, int]) -> None:
    """Try every preset on pictures of a folder that tells their classes.

    Args:
        model: The float model.
        path: The folder.
        size: Height and width, in pixels.
    """

    def work(on_progress: OnProgress) -> Trial:
        return _tried(model, path, size, on_progress)

    JOBS.start(_key(model, path, size), work, label="Trying each preset")


def trial_job(model: Model, path: str, size: tuple[int, int]) -> Job | None:
    """The last trial on these pictures, or None."""
    return JOBS.get(_key(model, path, size))


def _key(model: Model, path: str, size: tuple[int, int]) -> str:
    return f"presets/{model.fingerprint}/{stamp_of(path)}/{path}/{size}"


def _tried(model: Model, path: str, size: tuple[int, int], on_progress: OnProgress) -> Trial:
    folder = image_folder(Path(path).expanduser())
    if folder.labels is None:
        raise DataError(
            f"{path}: expected pictures in a folder for each class, found none that tells it; no "
            "answer is right or wrong"
        )
    info = image_input(model)
    batch = next((d for d in (info.shape or ())[:1] if isinstance(d, int)), 1)
    ways = {name: guessed(model, name, size).preprocessing for name in PRESETS}
    runtime = InferenceSession(model.to_bytes())
    right = dict.fromkeys(PRESETS, 0)
    places = range(0, len(folder.files), -(-len(folder.files) // PICTURES))
    reporter = Reporter(len(places), on_progress)
    for place in places:
        image = read_picture(folder.files[place])
        for name, way in ways.items():
            feeds = {info.name: np.repeat(way.sample(image)[None], batch, axis=0)}
            scores = next(iter(runtime.run(feeds).values()))[:1]
            right[name] += int(np.argmax(scores.reshape(-1)) == folder.labels[place])
            reporter()
        reporter.advance(1)
    return Trial(right, len(places))
