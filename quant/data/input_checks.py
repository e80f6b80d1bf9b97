"""Whether arrays can feed a model's inputs, in one sentence where they cannot."""

import numpy as np
from numpy.typing import NDArray

from quant.data.layout import InputLayout
from quant.data.npy import Array, Header
from quant.errors import DataError
from quant.types import ONNX_DTYPES, TensorInfo


def refuse_misfit(info: TensorInfo, header: Header, layout: InputLayout | None, label: str) -> None:
    """Refuse an array that cannot feed an input.

    Args:
        info: The input.
        header: Shape and dtype of the array.
        layout: How the array feeds the input; None where its shape does not fit.
        label: What to call the data in the sentence.

    Raises:
        DataError: If dtype or shape do not fit.
    """
    if info.dtype == "STRING":
        expected, fits = "str", header.dtype.kind == "U"
    elif info.dtype in ONNX_DTYPES:
        expected = ONNX_DTYPES[info.dtype]
        fits = header.dtype.newbyteorder("=") == np.dtype(expected)
    else:
        raise DataError(
            f"{label}: input {info.name!r} takes {info.dtype.lower()}, which no array holds; "
            "export the model with inputs of numbers"
        )
    if not fits:
        raise DataError(
            f"{label}: input {info.name!r} takes {expected}, found {header.dtype.name}; convert "
            f"the array with .astype(numpy.{expected})"
        )
    if layout is None:
        dims = ", ".join(str(d) if isinstance(d, int) else "any" for d in info.shape or ())
        raise DataError(
            f"{label}: input {info.name!r} takes shape ({dims}), found samples of shape "
            f"{(1, *header.shape[1:])}; the first axis of the array counts the samples (or say "
            "which with --batch-axis), the others must fit the model"
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
    below: NDArray[np.bool_] = np.less(array, np.array(np.inf, array.dtype))
    numbers = below.reshape(array.shape[0], -1).all(axis=1)
    if not numbers.all():
        index = first + int(np.argmin(numbers))
        raise DataError(
            f"input {name!r}: sample {index} holds NaN or Inf; remove the sample or repair it"
        )
