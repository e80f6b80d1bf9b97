"""Recurrent states: inputs that are what an output gave for the sample before."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from quant.data.dataset import Dataset
from quant.data.npy import Array, Header, Read
from quant.data.opening import match_inputs, open_data
from quant.data.sources import DataSource
from quant.errors import DataError, did_you_mean
from quant.model.model import Model
from quant.runtime.session import InferenceSession
from quant.types import ONNX_DTYPES, TensorInfo


def open_sequence(
    source: str | Path | Mapping[str, Array],
    model: Model,
    fed_back: Mapping[str, str],
    *,
    batch_axes: Mapping[str, int] | None = None,
) -> Dataset:
    """Open data whose samples follow each other, as the chunks of a recording do.

    The float model runs through the samples once, in order; each state is zero before the first and
    then what the model gave. Every model that is measured later is fed with these states, so its
    error is that of one step.

    Args:
        source: As for :func:`quant.open_data`, without the states.
        model: The model.
        fed_back: Output -> the input that takes it with the next sample.
        batch_axes: As for :func:`quant.open_data`.

    Returns:
        The data, the states with it.

    Raises:
        DataError: If the model has no such output or input, or a state has no shape to begin with;
            else as for :func:`quant.open_data`.
        ModelError: If the model cannot be run.
    """
    inputs = {info.name: info for info in model.inputs}
    outputs = [info.name for info in model.outputs]
    for given, name in fed_back.items():
        for what, known, found in (("output", outputs, given), ("input", inputs, name)):
            if found not in known:
                raise DataError(
                    f"feed back {given}={name}: {model.name} has no {what} {found!r}"
                    f"{did_you_mean(found, known)}; its {what}s are {', '.join(known)}"
                )
    states = set(fed_back.values())
    rest = replace(model, inputs=tuple(i for i in model.inputs if i.name not in states))
    data = open_data(source, rest, batch_axes=batch_axes)
    if data.group not in {None, 1}:
        raise DataError(
            f"{model.name} takes {data.group} samples at once, and a state follows one; export it "
            "for a batch of 1"
        )
    session = InferenceSession(model.to_bytes())
    state = {name: _zeros(inputs[name]) for name in states}
    held: dict[str, list[Array]] = {name: [] for name in states}
    for batch in data.batches(1):
        for name, value in state.items():
            held[name].append(value)
        found = session.run({**batch.feeds, **state})
        state = {name: found[given] for given, name in fed_back.items()}
    arrays = {name: np.stack(values) for name, values in held.items()}
    first, sources = 0, list[DataSource]()
    for one in data.sources:
        here = slice(first, first + one.length)
        sources.append(_with_arrays(one, {name: array[here] for name, array in arrays.items()}))
        first += one.length
    renamed = dict(data.renamed)
    return match_inputs(replace(data, sources=tuple(sources), renamed=renamed), model.inputs)


def _zeros(info: TensorInfo) -> Array:
    if info.shape is None or info.dtype not in ONNX_DTYPES:
        raise DataError(
            f"feed back: the input {info.name!r} has no shape or is no tensor of numbers, so it "
            "cannot begin with zeros; give it in the data"
        )
    sizes = [size if isinstance(size, int) else 1 for size in info.shape]
    return np.zeros(sizes, ONNX_DTYPES[info.dtype])


def _with_arrays(source: DataSource, arrays: Mapping[str, Array]) -> DataSource:
    """A source that also gives arrays, whose samples are those of the source."""

    @contextmanager
    def opened() -> Generator[Read]:
        with source.open() as read:
            done = 0

            def some(count: int) -> dict[str, Array]:
                nonlocal done
                done += count
                return {
                    **read(count),
                    **{name: array[done - count : done] for name, array in arrays.items()},
                }

            yield some

    headers = {name: Header(array.shape, array.dtype) for name, array in arrays.items()}
    return replace(source, headers={**source.headers, **headers}, open=opened)
