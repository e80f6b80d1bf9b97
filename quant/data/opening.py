"""Open data, and match it with the inputs of a model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from quant.data.dataset import Dataset
from quant.data.images.preprocessing import Preprocessing
from quant.data.input_checks import refuse_misfit
from quant.data.kinds.audio import AUDIO
from quant.data.kinds.base import Asked, Kind, Reading
from quant.data.kinds.lines import LINES
from quant.data.kinds.pictures import PICTURES
from quant.data.kinds.raw import RAW
from quant.data.kinds.serialized import SERIALIZED
from quant.data.kinds.several import places_of, together
from quant.data.kinds.tables import TABLES
from quant.data.layout import InputLayout, fitting, group_size, layout_of
from quant.data.npy import Array, Header, read_headers
from quant.data.sources import arrays_source, check_sources, data_files, file_source
from quant.errors import DataError, did_you_mean
from quant.model.model import Model
from quant.types import TensorInfo

KINDS: Final = (PICTURES, AUDIO, SERIALIZED, LINES, TABLES, RAW)
"""The kinds of data beside arrays, in the order in which they are asked whether it is theirs."""

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
    tokenizer: str | Path | None = None,
    audio_rate: int | None = None,
    audio_seconds: float | None = None,
) -> Dataset:
    """Open calibration or evaluation data.

    Args:
        source: Arrays named after the model's inputs, with the samples along their first axis and
            the classes under ``labels`` (optional); a ``.npz`` file of such arrays; a ``.npy``
            file for a model with one input; a folder of ``.npz`` or of ``.npy`` files, which
            are read in the order of their names and may differ in shape; or what one of
            :data:`KINDS` claims: pictures, recordings, text, tables, tensors of ONNX, files of
            nothing but numbers. ``NAME:PATH,NAME:PATH`` feeds each input from a place of its own.
            An input of the model that has no axis for samples takes one whole sample at a time, so
            its array has one axis more; a single number feeds an input of rank 0 with every
            sample.
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
        tokenizer: The ``tokenizer.json`` that text is cut by; looked for beside the text and
            beside the model without it.
        audio_rate: Samples a second that recordings are resampled to; their own without it.
        audio_seconds: How much of each recording is fed; what the model takes without it, or as
            much as the longest has.

    Returns:
        The data. Samples are read when they are needed and are never all in memory.

    Raises:
        DataError: If it cannot be read, is empty, or does not fit the model.
    """
    inputs = () if model is None else model.inputs
    axes = dict(batch_axes or {})
    if isinstance(source, Mapping):
        data = _of_arrays(source, inputs, axes)
    else:
        reading = Reading(
            preprocessing,
            image_size,
            skip_damaged,
            None if tokenizer is None else Path(tokenizer),
            audio_rate,
            audio_seconds,
        )
        names = [info.name for info in inputs]
        places: Mapping[str, Path] = {}
        if not _is_there(source):
            places = places_of(str(source), names)
        by_name = {info.name: info for info in inputs}
        if places:
            data = together(
                {
                    name: match_inputs(
                        _of_path(Asked(path, model, (by_name[name],), reading), axes),
                        (by_name[name],),
                    )
                    for name, path in places.items()
                }
            )
        else:
            data = _of_path(Asked(Path(source), model, inputs, reading), axes)
    return data if model is None else match_inputs(data, inputs)


def _is_there(source: str | Path) -> bool:
    try:
        return Path(source).exists()
    except (OSError, ValueError):
        return False  # whoever opens it says what is wrong with the path


def _kind_of(path: Path) -> Kind | None:
    """The kind that a path is of; None for arrays, and for what is none.

    A folder of arrays stays one, whatever else lies in it but pictures.
    """
    try:
        arrays = path.is_dir() and any(f.suffix in {".npz", ".npy"} for f in path.iterdir())
        kinds = (PICTURES,) if arrays else KINDS
        return next((kind for kind in kinds if kind.claims(path)), None)
    except (OSError, ValueError):
        return None  # whoever reads it as arrays says what is wrong with the path


def _of_path(asked: Asked, axes: dict[str, int]) -> Dataset:
    """Data at a path, of whatever kind."""
    kind = _kind_of(asked.path)
    if kind is not None:
        return kind.read(asked)
    files = data_files(asked.path)
    stored = [read_headers(file) for file in files]
    notes = _find_axes(axes, stored[0], asked.inputs)
    names = frozenset(info.name for info in asked.inputs)
    sources = tuple(file_source(path, names, axes) for path in files)
    check_sources(sources)
    return Dataset(sources, moved=axes, notes=notes)


def _of_arrays(
    source: Mapping[str, Array], inputs: Sequence[TensorInfo], axes: dict[str, int]
) -> Dataset:
    """Arrays in memory as data."""
    arrays = {name: np.asarray(array) for name, array in source.items()}
    headers = {name: Header(a.shape, a.dtype) for name, a in arrays.items()}
    notes = _find_axes(axes, headers, inputs)
    sources = (arrays_source(arrays, frozenset(info.name for info in inputs), axes),)
    check_sources(sources)
    return Dataset(sources, moved=axes, notes=notes)


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
        state = "" if extra else "; a state is fed from an output with --feed-back OUT=IN"
        raise DataError(
            f"{data.sources[0].label}: expected one array for each model input "
            f"({_listed(wanted)}), found {_listed(data.names)}; name the arrays after the inputs"
            f"{state}"
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
