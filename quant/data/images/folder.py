"""Folders of pictures."""

from pathlib import Path
from typing import Final

from quant.data.labelled_folder import FileKind, LabelledFolder, holds, labelled_folder

PICTURES: Final = FileKind(
    "picture",
    frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"}),
)


def is_image_folder(path: Path) -> bool:
    """Whether a path is a picture, or a folder with pictures in it or one folder below."""
    return holds(path, PICTURES)


def image_folder(path: Path) -> LabelledFolder:
    """The pictures of a folder, as :func:`quant.data.labelled_folder.labelled_folder` finds them.

    Raises:
        DataError: If it cannot be read, or its classes contradict one another.
    """
    return labelled_folder(path, PICTURES)
