"""Every test runs under the profile of Hypothesis that the environment names, without telemetry."""

from quant.runtime.engine import onnxruntime
from tests import hypothesis_profile

__all__ = ["hypothesis_profile"]

onnxruntime()
