"""Whether arrays can feed a model's inputs, in one sentence where they cannot."""

import numpy as np

from quant.data.npy import Array, Header
from quant.errors import DataError
from quant.types import ONNX_DTYPES, TensorInfo


def refuse_misfit(info: TensorInfo, header: Header, label: str) -> None:
    """Refuse an array that cannot feed an input.

    Args:
        info: The input.
        header: Shape and dtype of the array; axis 0 counts the samples.
        label: What to call the data in the sentence.

    Raises:
        DataError: If dtype or shape do not fit.
    """
    expected = ONNX_DTYPES.get(info.dtype, info.dtype.lower())
    if header.dtype.newbyteorder("=") != np.dtype(expected):
        raise DataError(
            f"{label}: input {info.name!r} takes {expected}, found {header.dtype.name}; convert "
            f"the array with .astype(numpy.{expected})"
        )
    if info.shape is None:
        return
    sample = (1, *header.shape[1:])
    fits = len(sample) == len(info.shape) and all(
        not isinstance(want, int) or want == have
        for want, have in zip(info.shape, sample, strict=True)
    )
    if not fits:
        dims = ", ".join(str(d) if isinstance(d, int) else "any" for d in info.shape)
        raise DataError(
            f"{label}: input {info.name!r} takes shape ({dims}), found samples of shape "
            f"{sample}; the first axis of the array counts the samples, the others must fit the "
            "model"
        )


def refuse_non_numbers(name: str, array: Array, first: int) -> None:
    """Refuse NaN and plus infinity. Minus infinity is no mistake: attention masks hold it.

    Args:
        name: The input that the array feeds.
        array: Samples along axis 0.
        first: Position of the first of them in the data.

    Raises:
        DataError: If a sample holds one, by its position.
    """
    if array.dtype.kind != "f":
        return
    numbers = (array.reshape(array.shape[0], -1) < np.inf).all(axis=1)
    if not numbers.all():
        index = first + int(np.argmin(numbers))
        raise DataError(
            f"input {name!r}: sample {index} holds NaN or Inf; remove the sample or repair it"
        )
