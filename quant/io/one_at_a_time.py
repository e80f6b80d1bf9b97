"""One run at a time in a folder: two that write the same results would mix them up."""

import importlib
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from quant.errors import ExportError

LOCK_NAME: Final = ".quantlens.lock"


@contextmanager
def alone_in(folder: Path) -> Generator[None]:
    """Nobody else works in a folder meanwhile, where the system has such locks.

    A lock ends with its process, however that ends; its file is removed at the end.

    Args:
        folder: The folder, which must exist.

    Raises:
        ExportError: If another run works there, or the folder is not writable.
    """
    if os.name != "posix":
        yield
        return
    fcntl: Any = importlib.import_module("fcntl")
    path = folder / LOCK_NAME
    while True:
        try:
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ExportError(
                f"{folder}: the folder is not writable ({error.strerror}); choose another or "
                "change its permissions"
            ) from error
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(opened)
            raise ExportError(
                f"{folder}: another run is at work in this folder; wait until it ends, or choose "
                "another folder"
            ) from None
        except OSError:  # some network folders have no locks
            pass
        if _is_still_there(path, opened):
            break
        os.close(opened)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(opened)


def _is_still_there(path: Path, opened: int) -> bool:
    """Whether the file that was locked was not removed by who held it before."""
    with suppress(OSError):
        return os.path.samestat(path.stat(), os.fstat(opened))
    return False
