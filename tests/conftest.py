"""Every test runs under the profile of Hypothesis that the environment names."""

from tests import hypothesis_profile

__all__ = ["hypothesis_profile"]
