"""Write files whole or not at all."""

import importlib
import os
import shutil
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from quant.errors import ExportError
from quant.io.own_folder import own_folder

Content = bytes | Sequence[bytes | memoryview]


@contextmanager
def staged(contents: Mapping[Path, Content]) -> Generator[dict[Path, Path]]:
    """Write files that belong together, and give them their names when the block ends well.

    Each file is written and synced in a hidden folder beside its target and renamed at the end, so
    nobody ever sees half a file or, from a block that raises, any of them. Where a target is a
    link, the file it points to is replaced. Of two processes that write the same files, all of one
    are there in the end. What a killed process left in the folder is removed by the next.

    Args:
        contents: Target -> content, whole or in parts; renamed in this order.

    Yields:
        Target -> where the finished file waits, under its own name, to be checked.

    Raises:
        ExportError: If a folder is missing or not writable, the disk is full, or a target is a
            folder, a device or a pipe. Nothing is left behind.
    """
    folders: dict[Path, Path] = {}
    waiting: dict[Path, Path] = {}
    try:
        for target, content in contents.items():
            with _sentence(target):
                waiting[target] = _stage(target.resolve(), content, folders)
        yield waiting
        with _locked(folders):
            for target, source in waiting.items():
                with _sentence(target):
                    source.replace(target.resolve())
    finally:
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Write one file whole or not at all.

    Args:
        path: The target.
        content: What to write.

    Raises:
        ExportError: If it cannot be written. Nothing is left behind.
    """
    with staged({path: content}):
        pass


def _stage(target: Path, content: Content, folders: dict[Path, Path]) -> Path:
    if target.is_dir():
        raise IsADirectoryError
    if target.exists() and not target.is_file():
        raise _NoFileError
    parent = target.parent
    if parent not in folders:
        folders[parent] = own_folder(parent, _PREFIX)
    source = folders[parent] / target.name
    with source.open("xb") as file:
        with suppress(FileNotFoundError):
            os.fchmod(file.fileno(), target.stat().st_mode & 0o777)
        file.writelines([content] if isinstance(content, bytes) else content)
        file.flush()
        os.fsync(file.fileno())
    return source


class _NoFileError(OSError):
    """The target is a device, a pipe or a socket."""


_PREFIX: Final = ".quantlens-"


@contextmanager
def _locked(folders: Iterable[Path]) -> Generator[None]:
    """Nobody else renames files in these folders meanwhile, where the system has such locks."""
    if os.name != "posix":
        yield
        return
    fcntl: Any = importlib.import_module("fcntl")
    with ExitStack() as stack:
        for folder in sorted(folders):
            opened = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, opened)
            with suppress(OSError):  # some network folders have none
                fcntl.flock(opened, fcntl.LOCK_EX)
        yield


@contextmanager
def _sentence(target: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"{target}: the file cannot be written: {_reason(error)}") from error
    except ValueError as error:
        raise ExportError(
            f"{target}: the file cannot be written: no file can have this name; choose another"
        ) from error


def _reason(error: OSError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "its folder does not exist; create the folder or choose another"
        case _NoFileError():
            return "it is a device or a pipe, not a file; choose another name"
        case IsADirectoryError():
            return "there is a folder of that name; choose another name"
        case PermissionError():
            return "its folder is not writable; choose another or change its permissions"
        case _:
            reason = error.strerror or str(error)
            return f"{reason[:1].lower()}{reason[1:]}; choose another place or make room"
