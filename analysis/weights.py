"""Where version 0.1 had :mod:`analysis.ranges.weight_channels`. It works for one release."""

from analysis.deprecated import warn
from analysis.ranges.weight_channels import (
    WeightChannels,
    WeightOption,
    weight_channels,
    weight_options,
)

__all__ = ["WeightChannels", "WeightOption", "weight_channels", "weight_options"]

warn("analysis.weights", "analysis.ranges.weight_channels", stacklevel=3)
