"""Uploaded models: files of this process, gone when it ends."""

import hashlib
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Final

from quant.io.own_folder import own_folder

_PREFIX: Final = "quantlens-uploads-"


class _Process:
    """Where uploads of this process lie, once there are any."""

    lock = threading.Lock()
    folder: Path | None = None


def stored(content: bytes, name: str) -> str:
    """Keep an uploaded file and return its path.

    Args:
        content: The file.
        name: Its name, which it keeps, in a folder for its content.
    """
    with _Process.lock:
        if _Process.folder is None:
            _Process.folder = own_folder(Path(tempfile.gettempdir()), _PREFIX)
        folder = _Process.folder / hashlib.sha256(content).hexdigest()[:16]
        folder.mkdir(exist_ok=True)
        path = folder / Path(name).name
        if not path.exists():
            path.write_bytes(content)
    return str(path)


def remove() -> None:
    """Remove all uploads of this process."""
    with _Process.lock:
        if _Process.folder is not None:
            shutil.rmtree(_Process.folder, ignore_errors=True)
            _Process.folder = None
