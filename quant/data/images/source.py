"""Pictures as a source of samples, decoded when they are read."""

import hashlib
import json
from dataclasses import replace

import numpy as np

from quant.data.images.preprocessing import Preprocessing
from quant.data.images.reading import read_picture
from quant.data.labelled_folder import LabelledFolder
from quant.data.npy import Header
from quant.data.rows import Row, digest_of, rows_source
from quant.data.sources import DataSource
from quant.errors import DataError
from quant.io.codec import to_json
from quant.io.show import counted


def image_source(folder: LabelledFolder, preprocessing: Preprocessing) -> DataSource:
    """The pictures of a folder as samples for a model with one input.

    Args:
        folder: The pictures.
        preprocessing: How each becomes a sample.

    Returns:
        The source; its one array has no name.

    Raises:
        DataError: If there is no picture.
    """
    if not folder.files:
        raise DataError(f"{folder.root}: there is no picture in it; add at least one")
    header = Header((len(folder.files), *preprocessing.shape), np.dtype(preprocessing.dtype))

    def row(at: int) -> Row:
        return {"": preprocessing.sample(read_picture(folder.files[at]))}

    def digest() -> bytes:
        said = json.dumps(to_json(preprocessing), sort_keys=True)
        labels = b"" if folder.labels is None else folder.labels.tobytes()
        return hashlib.sha256(digest_of(folder.files, said) + labels).digest()

    label = folder.root.name or str(folder.root)
    return rows_source(label, {"": header}, row, digest, folder.labels)


def without_damaged(folder: LabelledFolder) -> LabelledFolder:
    """The pictures that can be read, and a note that names the others.

    Every picture is decoded once for that.
    """
    lost: dict[int, str] = {}
    for place, file in enumerate(folder.files):
        try:
            read_picture(file)
        except DataError as error:
            lost[place] = str(error)
    if not lost:
        return folder
    keep = [place for place in range(len(folder.files)) if place not in lost]
    note = f"{counted(len(lost), 'picture')} left out: {next(iter(lost.values()))}"
    return replace(
        folder,
        files=tuple(folder.files[place] for place in keep),
        labels=None if folder.labels is None else folder.labels[keep],
        notes=(*folder.notes, note),
    )
