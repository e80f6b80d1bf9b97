"""Open data, and match it with the inputs of a model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from quant.data.dataset import Dataset
from quant.data.images.folder import image_folder, is_image_folder
from quant.data.images.guess import guessed
from quant.data.images.preprocessing import Preprocessing
from quant.data.images.source import image_source, without_damaged
from quant.data.input_checks import refuse_misfit
from quant.data.layout import InputLayout, fitting, group_size, layout_of
from quant.data.npy import Array, Header, read_headers
from quant.data.sources import arrays_source, check_sources, data_files, file_source
from quant.errors import DataError, did_you_mean
from quant.model.model import Model
from quant.types import TensorInfo

MAX_GROUP_BYTES: Final = 4 << 30
"""What a model with a fixed number of samples may take at once."""

LEAST_SAMPLE_BYTES: Final = 256
"""What a sample takes beside its values, however few these are."""


def open_data(
    source: str | Path | Mapping[str, Array],
    model: Model | None = None,
    *,
    batch_axes: Mapping[str, int] | None = None,
    preprocessing: Preprocessing | str | None = None,
    image_size: tuple[int, int] | None = None,
    skip_damaged: bool = False,
) -> Dataset:
    """Open calibration or evaluation data.

    Args:
        source: Arrays named after the model's inputs, with the samples along their first axis and
            the classes under ``labels`` (optional); a ``.npz`` file of such arrays; a ``.npy``
            file for a model with one input; or a folder of ``.npz`` or of ``.npy`` files, which
            are read in the order of their names and may differ in shape; or a folder of pictures
            (:func:`quant.data.images.folder.image_folder` says how it tells classes). An input of
            the model that has no axis for samples takes one whole sample at a time, so its array
            has one axis more; a single number feeds an input of rank 0 with every sample.
        model: The model it is for: names, shapes and dtypes are checked against its inputs.
        batch_axes: Array name -> the axis that counts the samples, in the array and in the input,
            where it is not the first. Such arrays are held in memory whole. Where the names of the
            model's axes leave no doubt, it is guessed and said in the data's notes.
        preprocessing: How pictures become samples, or the name of a preset; guessed from the
            model, and said in the notes, without it.
        image_size: Height and width for the preset or the guess, in pixels, where the model leaves
            them open; 224 each without.
        skip_damaged: Whether pictures that cannot be read are left out and named in the notes;
            otherwise the first one that is met is refused.

    Returns:
        The data. Samples are read when they are needed and are never all in memory.

    Raises:
        DataError: If it cannot be read, is empty, or does not fit the model.
    """
    if not isinstance(source, Mapping) and is_image_folder(Path(source)):
        wanted = _preprocessing(Path(source), model, preprocessing, image_size)
        return _pictures(Path(source), model, *wanted, skip_damaged=skip_damaged)
    axes = dict(batch_axes or {})
    inputs = () if model is None else model.inputs
    stored: list[tuple[Path | None, dict[str, Header]]]
    if isinstance(source, Mapping):
        arrays = {name: np.asarray(array) for name, array in source.items()}
        stored = [(None, {name: Header(a.shape, a.dtype) for name, a in arrays.items()})]
    else:
        arrays = {}
        stored = [(file, read_headers(file)) for file in data_files(Path(source))]
    notes = _find_axes(axes, stored[0][1], inputs) if stored else ()
    names = frozenset(info.name for info in inputs)
    sources = tuple(
        arrays_source(arrays, names, axes) if path is None else file_source(path, names, axes)
        for path, _ in stored
    )
    check_sources(sources)
    data = Dataset(sources, moved=axes, notes=notes)
    return data if model is None else match_inputs(data, inputs)


def _preprocessing(
    path: Path,
    model: Model | None,
    asked: Preprocessing | str | None,
    size: tuple[int, int] | None,
) -> tuple[Preprocessing, tuple[str, ...]]:
    """How pictures are fed, and what was guessed of it."""
    if isinstance(asked, Preprocessing):
        return asked, ()
    if model is None:
        raise DataError(
            f"{path}: how pictures are fed depends on the model; give the model, or a "
            "Preprocessing with its size"
        )
    guess = guessed(model, asked or "", size)
    return guess.preprocessing, () if asked else (guess.note,)


def _pictures(
    path: Path,
    model: Model | None,
    preprocessing: Preprocessing,
    notes: tuple[str, ...],
    *,
    skip_damaged: bool,
) -> Dataset:
    """The pictures of a folder as data."""
    folder = image_folder(path)
    if skip_damaged:
        folder = without_damaged(folder)
    data = Dataset(
        (image_source(folder, preprocessing),),
        notes=(*folder.notes, *notes),
        preprocessing=preprocessing,
        classes=folder.classes,
    )
    return data if model is None else match_inputs(data, model.inputs)


def _find_axes(
    axes: dict[str, int], headers: Mapping[str, Header], inputs: Sequence[TensorInfo]
) -> tuple[str, ...]:
    """Add the axes that are not the first and that nobody named; say which."""
    for name, axis in axes.items():
        if name not in headers or not 0 <= axis < len(headers[name].shape):
            raise DataError(
                f"batch axis {axis} of {name!r}: the data has no such axis"
                f"{did_you_mean(name, headers) if name not in headers else ''}; its arrays are "
                f"{', '.join(f'{n!r} of shape {h.shape}' for n, h in headers.items())}"
            )
    notes: list[str] = []
    for info in inputs:
        header = headers.get(info.name, headers.get("") if len(inputs) == 1 else None)
        if header is None or info.name in axes:
            continue
        found = layout_of(info, header.shape, None)
        if found is None or not found.guessed:
            continue
        where = f"axis {found.axis} of the input {info.name!r}"
        if found.stored:
            axes[info.name if info.name in headers else ""] = found.stored
            where += " and of its array"
        notes.append(f"By the names of its axes, {where} counts the samples.")
    return tuple(notes)


def match_inputs(data: Dataset, inputs: Sequence[TensorInfo]) -> Dataset:
    """This data as the inputs of a model, once it is sure that it fits.

    Args:
        data: The data.
        inputs: The inputs.

    Returns:
        The same samples under the names of the inputs.

    Raises:
        DataError: If an input is missing or unknown, or a shape or dtype does not fit.
    """
    if data.names == ("",):
        if len(inputs) != 1:
            raise DataError(
                f"{data.sources[0].label}: a .npy file feeds one input, but the model has "
                f"{len(inputs)} ({_listed(i.name for i in inputs)}); write a .npz with one array "
                "for each input"
            )
        data = replace(data, renamed={"": inputs[0].name})
    wanted = {info.name: info for info in inputs}
    missing = [name for name in wanted if name not in data.names]
    extra = [name for name in data.names if name not in wanted]
    if missing or extra:
        raise DataError(
            f"{data.sources[0].label}: expected one array for each model input "
            f"({_listed(wanted)}), found {_listed(data.names)}; name the arrays after the inputs"
        )
    stored = {key: name for name, key in data.renamed.items()}
    layouts: dict[str, InputLayout] = {}
    for info in inputs:
        name = stored.get(info.name, info.name)
        known = data.layouts.get(info.name)
        if known is None and name in data.moved:
            known = InputLayout(0, data.moved[name])
        for source in data.sources:
            header = source.headers[name]
            found = known if known and fitting(info.shape, header.shape, known) else None
            if known is None:
                found = layout_of(info, header.shape, None)
            refuse_misfit(info, header, found, source.label)
            assert found is not None
            layouts[info.name] = known = found
    group = group_size(inputs, layouts)
    if group is not None:
        _refuse_huge(data, group)
    return replace(data, layouts=layouts, group=group)


def _refuse_huge(data: Dataset, group: int) -> None:
    """Refuse a model that takes more samples at once than fit anywhere."""
    for source in data.sources:
        for name, header in source.headers.items():
            size = group * max(header.sample_bytes, LEAST_SAMPLE_BYTES)
            if group > 1 and size > MAX_GROUP_BYTES:
                raise DataError(
                    f"{source.label}: the model takes {group:,} samples of "
                    f"{data.renamed.get(name, name)!r} at once, {size:,} "
                    f"bytes and more than {MAX_GROUP_BYTES:,}; export it with a smaller batch, or "
                    "one that is open"
                )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
