"""The kernels in NumPy, each with the functions of the compiled kernel of the same name.

They answer while that is not compiled, and where Numba cannot be imported. What a function does and
takes is told beside the compiled one; sums are taken in the same order, so that both choose alike.
"""
