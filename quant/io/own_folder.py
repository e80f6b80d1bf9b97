"""Folders that belong to a process, so that the next one can remove what a killed one left."""

import os
import platform
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import Final

_HOST: Final = f"{zlib.crc32(platform.node().encode()):08x}"
"""Which machine wrote: a folder may be shared, and the same number is another process elsewhere."""


def own_folder(parent: Path, prefix: str) -> Path:
    """Make a folder for this process alone; those of processes that are no more are removed.

    Args:
        parent: Where to make it.
        prefix: What its name begins with, which tells what such folders are for.

    Returns:
        The folder, which only this user can read.

    Raises:
        OSError: If it cannot be made.
    """
    _remove_leftovers(parent, prefix)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{_HOST}-{os.getpid()}-", dir=parent))


def _remove_leftovers(parent: Path, prefix: str) -> None:
    """Remove the folders of processes of this machine that are no more."""
    if os.name != "posix":
        return
    for folder in parent.glob(f"{prefix}{_HOST}-*-*"):
        pid = folder.name.removeprefix(f"{prefix}{_HOST}-").partition("-")[0]
        if pid.isdecimal() and folder.is_dir() and not folder.is_symlink() and _is_gone(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
