"""The loops that NumPy has no word for, compiled by Numba once on a machine.

:func:`load` gives a kernel by name, as a module of functions: the compiled one from
``quant/kernels/compiled`` as soon as it is ready, and until then, or where Numba cannot be had,
the one of the same name and functions from ``quant/kernels/plain``, in NumPy. Adding a kernel is
adding both files.
"""

from quant.kernels.building import NAMES
from quant.kernels.loading import load, warm_up

__all__ = ["NAMES", "load", "warm_up"]
