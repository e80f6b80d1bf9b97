"""Libraries that only some kinds of data need, loaded when such data is opened."""

from importlib import import_module
from typing import Any

from quant.errors import DataError


def library(name: str, what: str, extra: str) -> Any:
    """A library that may not be installed.

    Args:
        name: Of the module.
        what: What needs it.
        extra: The extra of this package that installs it.

    Raises:
        DataError: If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise DataError(
            f"{what} need the package {package}; install it with pip install 'quantlens[{extra}]'"
        ) from error
