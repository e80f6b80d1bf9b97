"""Changes to a graph, one a file. Each works in place on a clone and says whether it changed it.

The pipeline applies four of them to every model; those that are registered are applied where a
recipe names them. A module that a plug-in brings is one more of these.
"""

from quant.passes.optional import PASSES, apply_passes, register

PASSES.discover(__name__)

__all__ = ["PASSES", "apply_passes", "register"]
