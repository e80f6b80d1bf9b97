"""The kernels as Numba compiles them: one file each, which defines every constant that it uses.

Numba keeps what it compiled until the file of a function changes; it does not see that another
file did. So nothing here imports from outside this folder, and :mod:`quant.kernels.cache` throws
away what was made from another text of :mod:`~quant.kernels.compiled.logarithm`, which they share.
"""
