"""A folder of pictures."""

from typing import Final

from quant.data.dataset import Dataset
from quant.data.images.folder import image_folder, is_image_folder
from quant.data.images.guess import guessed
from quant.data.images.preprocessing import Preprocessing
from quant.data.images.source import image_source, without_damaged
from quant.data.kinds.base import Asked, Kind


def preprocessing_of(asked: Asked) -> tuple[Preprocessing, tuple[str, ...]]:
    """How pictures are fed, and what was guessed of it.

    Raises:
        DataError: If that depends on a model and none is given, or the model takes no pictures.
    """
    wanted = asked.reading.preprocessing
    if isinstance(wanted, Preprocessing):
        return wanted, ()
    model = asked.needed_model("how pictures are fed depends on the model")
    info = asked.only_input("pictures")
    guess = guessed(model, wanted or "", asked.reading.image_size, info)
    return guess.preprocessing, () if wanted else (guess.note,)


def _read(asked: Asked) -> Dataset:
    preprocessing, notes = preprocessing_of(asked)
    folder = image_folder(asked.path)
    if asked.reading.skip_damaged:
        folder = without_damaged(folder)
    return Dataset(
        (image_source(folder, preprocessing),),
        notes=(*folder.notes, *notes),
        preprocessing=preprocessing,
        classes=folder.classes,
    )


PICTURES: Final = Kind(is_image_folder, _read)
