"""Tells whether a kernel was compiled before on this machine, without importing Numba.

Numba keeps what it compiled beside the source, in ``__pycache__``, or in the folder that
``NUMBA_CACHE_DIR`` names. A kernel that was compiled whole leaves a stamp there, an empty file. Its
name holds everything that the machine code depends on; with a stamp, importing the compiled kernel
takes milliseconds and no compiler.
"""

import hashlib
import importlib.metadata
import os
import platform
import sys
from functools import cache
from pathlib import Path

COMPILED = Path(__file__).with_name("compiled")
"""The folder of the compiled kernels."""

_SHARED = ("jit.py", "logarithm.py")
"""Files that the kernels compile into themselves."""

_NUMBA_FILES = (".nbi", ".nbc")


def source(name: str) -> Path:
    """The file of a compiled kernel, such as ``tool_rules.ppq``."""
    return COMPILED.joinpath(*name.split(".")).with_suffix(".py")


def is_ready(name: str) -> bool:
    """Whether the kernel was compiled before, as it is now, for this machine."""
    return any((folder / _stamp(name)).exists() for folder in _folders(name))


def set_ready(name: str) -> bool:
    """Leave the stamp of a kernel that is compiled; False where no folder may be written."""
    for folder in _folders(name):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for other in folder.glob(f"{name}.*.ready"):
                other.unlink(missing_ok=True)
            (folder / _stamp(name)).touch()
        except OSError:
            continue
        return True
    return False


def forget_stale(name: str) -> None:
    """Throw away what was compiled with another text of what the kernels share.

    Numba looks at the file of a kernel only.
    """
    if is_ready(name):
        return
    for path in _folders(name)[0].rglob(f"{source(name).stem}.*"):
        if path.suffix in _NUMBA_FILES:
            path.unlink(missing_ok=True)


def _stamp(name: str) -> str:
    return f"{name}.{_key(name)}.ready"


def _folders(name: str) -> list[Path]:
    """Where Numba keeps a kernel, and where a stamp goes if only Numba's folder at home is left."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return [Path(chosen)]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return [source(name).parent / "__pycache__", home / "quantlens"]


@cache
def _key(name: str) -> str:
    """Digest of the kernel's file as Numba knows it, and of all else that the code depends on."""
    stat = source(name).stat()
    parts = [
        f"{stat.st_mtime_ns} {stat.st_size} {source(name)}",
        *((COMPILED / shared).read_text(encoding="utf-8") for shared in _SHARED),
        sys.version,
        importlib.metadata.version("numba"),
        importlib.metadata.version("llvmlite"),
        importlib.metadata.version("numpy"),
        _processor(),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@cache
def _processor() -> str:
    """What the processor can do, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() + platform.machine()
    return "".join(line for line in lines if line.startswith(("model name", "flags", "Features")))
