"""``python -m quant.kernels`` compiles what is not compiled yet on this machine."""

import sys

from quant.kernels import building, cache


def main() -> None:
    """Compile, and say so where that takes a while."""
    try:
        missing = [name for name in building.NAMES if not cache.is_ready(name)]
        if missing:
            sys.stdout.write("Compiling kernels, once on this machine ...\n")
            sys.stdout.flush()
        for name in missing:
            building.compiled(name)
    except ImportError as error:
        sys.stdout.write(f"Numba cannot be imported ({error}): NumPy does its work, slower.\n")


if __name__ == "__main__":
    main()
