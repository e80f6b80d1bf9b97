"""How Hypothesis looks: the same examples every time; with ``make fuzz`` new ones, and many."""

import os

from hypothesis import HealthCheck, settings

_FUZZ = 20
"""How many times as many examples ``make fuzz`` looks at."""

_SLOW_MACHINES = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("same", derandomize=True, database=None, **_SLOW_MACHINES)
settings.register_profile("fuzz", max_examples=100 * _FUZZ, print_blob=True, **_SLOW_MACHINES)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "same")
settings.load_profile(PROFILE)


def examples(count: int) -> settings:
    """Decorator: so many examples in ``make test``, and as many times more as ``make fuzz`` has."""
    return settings(max_examples=count * (_FUZZ if PROFILE == "fuzz" else 1))
