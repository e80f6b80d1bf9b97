"""All compiled code: loops that NumPy cannot express, compiled by Numba once on a machine."""
