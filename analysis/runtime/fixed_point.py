"""Requantization without floats: a multiplier of 31 bits and a shift, as integer-only chips do it.

Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (2018), 2.2 and 2.3; the rounding is that of TensorFlow Lite's
``QuantizeMultiplier`` and ``MultiplyByQuantizedMultiplier`` and of gemmlowp.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Rounding = Literal["double", "single"]
"""Round after the multiplication and again after the shift, or once after both."""

BITS: Final = 31
_MOST: Final = 2**31 - 1
_LEAST: Final = -(2**31)


@dataclass(frozen=True)
class Multiplier:
    """A real factor as ``m0 * 2 ** (shift - 31)``.

    Attributes:
        m0: 0, or an integer of 31 bits: 2^30 <= m0 < 2^31.
        shift: To the left where it is above 0.
    """

    m0: int
    shift: int

    @classmethod
    def of(cls, real: float) -> "Multiplier":
        """The nearest multiplier of a real factor.

        Args:
            real: The factor, at least 0. What is smaller than 2^-32 becomes 0.

        Raises:
            ValueError: If it is negative or not finite.
        """
        if not 0 <= real < math.inf:
            raise ValueError(f"expected a factor of at least 0, found {real}")
        part, shift = math.frexp(real)
        m0 = _half_away(part * 2**BITS)
        if m0 == 2**BITS:
            m0, shift = m0 // 2, shift + 1
        if shift < -BITS:
            m0, shift = 0, 0
        return cls(m0, shift)

    @property
    def real(self) -> float:
        """The factor that it stands for."""
        return math.ldexp(self.m0, self.shift - BITS)


def _half_away(value: float) -> int:
    return math.floor(value + 0.5)


def times(
    values: NDArray[np.int64], multiplier: Multiplier, rounding: Rounding = "double"
) -> NDArray[np.int64]:
    """Products of 32-bit accumulators with a multiplier, as integer hardware rounds them.

    Args:
        values: Within 32 bits, any shape.
        multiplier: The factor.
        rounding: Twice, as TensorFlow Lite's reference kernels do by default, or once.

    Returns:
        The products, rounded, of the same shape.
    """
    left, right = max(multiplier.shift, 0), max(-multiplier.shift, 0)
    if rounding == "single":
        total = BITS - multiplier.shift
        return (values * multiplier.m0 + (1 << (total - 1))) >> total
    product = (values << left) * multiplier.m0
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    # Toward zero, as C divides.
    high = np.sign(nudged) * (np.abs(nudged) >> BITS)
    high = np.clip(high, _LEAST, _MOST)
    return _shifted(high, right)


def _shifted(values: NDArray[np.int64], right: int) -> NDArray[np.int64]:
    """Values over a power of two, halves rounded away from zero."""
    if not right:
        return values
    mask = (1 << right) - 1
    rest = values & mask
    threshold = (mask >> 1) + (values < 0)
    return (values >> right) + (rest > threshold)
