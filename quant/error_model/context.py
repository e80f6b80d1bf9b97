"""What the model around a tensor makes of an error in it: derived from model and statistics.

Statistics know data alone. Who reads a tensor and how a channel's noise is passed on follow from
the model and the statistics of all its tensors; they are derived once for each calibration and
kept for as long as that lives.
"""

import hashlib
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant.error_model.consumers import consumer_functions, consumer_types
from quant.error_model.noise_gain import channel_noise_gains, output_noise_gains
from quant.model.model import Model
from quant.statistics.calibration import Calibration


@dataclass(frozen=True, eq=False)
class TensorContext:
    """What is known of the model behind a tensor; nothing, for an array outside a model.

    Attributes:
        consumer_ops: Types of the operators that read it, operators that only move values looked
            through; see :func:`quant.error_model.consumers.consumer_types`. Empty where no
            consumer is known: then every error counts in full.
        channel_noise_gain: float32, shape (C,), from 0 to 1: how much of the noise of each channel
            reaches the model's outputs, over that of the channel of most
            (:mod:`quant.error_model.noise_gain`). None where channels are not known.
        consumer_functions: The same as ``consumer_ops`` where functions that are written out in
            several operators count as one.
    """

    consumer_ops: tuple[str, ...] = ()
    channel_noise_gain: NDArray[np.float32] | None = None
    consumer_functions: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything here, in hexadecimal."""
        gain = self.channel_noise_gain
        sha = hashlib.sha256(
            repr((self.consumer_ops, self.consumer_functions, gain is None)).encode()
        )
        sha.update(b"" if gain is None else gain.tobytes())
        return sha.hexdigest()


NO_CONTEXT = TensorContext()
"""Of an array outside a model."""


@dataclass
class _Derived:
    """What was derived from a calibration and the model it belongs to."""

    contexts: Mapping[str, TensorContext] | None = None
    gains: dict[float, Mapping[str, NDArray[np.float64]]] = field(
        default_factory=dict[float, Mapping[str, NDArray[np.float64]]]
    )


_derived: "weakref.WeakKeyDictionary[Calibration, _Derived]" = weakref.WeakKeyDictionary()


def tensor_contexts(model: Model, calibration: Calibration) -> Mapping[str, TensorContext]:
    """The context of every tensor that has statistics, kept for as long as the calibration lives.

    Args:
        model: The model.
        calibration: Statistics of its tensors.

    Raises:
        DataError: If the calibration was made for another model.
    """
    known = _derived.setdefault(calibration, _Derived())
    if known.contexts is None:
        calibration.check(model)
        consumer_ops = consumer_types(model)
        functions = consumer_functions(model)
        gains = channel_noise_gains(model, calibration.tensors)
        known.contexts = {
            name: TensorContext(
                consumer_ops.get(name, ()), gains.get(name), functions.get(name, ())
            )
            for name in calibration.tensors
        }
    return known.contexts


def kept_noise_gains(
    model: Model, calibration: Calibration, correlation: float
) -> Mapping[str, NDArray[np.float64]]:
    """:func:`quant.error_model.noise_gain.output_noise_gains`, kept likewise.

    Args:
        model: The model.
        calibration: Statistics of its tensors.
        correlation: How far noise is from being uncorrelated.

    Returns:
        Tensor -> gain of each channel's noise to the outputs, float64 of shape (C,) or (1,).
    """
    known = _derived.setdefault(calibration, _Derived()).gains
    if correlation not in known:
        known[correlation] = output_noise_gains(model, calibration.tensors, correlation)
    return known[correlation]
