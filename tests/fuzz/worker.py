"""Reads one hostile file after the other and tells how each ends: a line of JSON on stdout."""

import contextlib
import io
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, Final

import quant
from tests.fuzz.kinds import kind_named

ADDRESS_SPACE: Final = 8 << 30
_WRITING: Final = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link"}
_OUTSIDE: Final = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system")


class Watch:
    """Notes what is written outside of a folder, and anything that leaves the process."""

    def __init__(self) -> None:
        self.folder = ""
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.folder:
            return
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and isinstance(path, str | bytes):
                self._written(os.fsdecode(path))
        elif event in _WRITING and isinstance(arguments[0], str | bytes):
            if -1 not in arguments[1:]:
                return  # below a folder that is held open: a part of what is removed as a whole
            self._written(os.fsdecode(arguments[0]))
        elif event.startswith(_OUTSIDE):
            self.seen.append(event)

    def _written(self, path: str) -> None:
        own = os.path.abspath(path).startswith(self.folder)  # noqa: PTH100 - never resolved
        # What is compiled on the way is cached beside the package.
        if not own and path != os.devnull and "__pycache__" not in path:
            self.seen.append(f"wrote {path[:80]!r}")


def ended(kind: str, path: Path, watch: Watch) -> str:
    """How reading a file ends: "success", "sentence", or what is wrong."""
    watch.seen.clear()
    watch.folder = str(path.parent)
    sentence = ""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            kind_named(kind).read(path)
        end = "success"
    except quant.QuantError as error:
        end, sentence = "sentence", str(error)
    except MemoryError:
        end = "BAD MemoryError"
    except BaseException as error:
        end = f"BAD {type(error).__name__}: {str(error)[:100]}"
    finally:
        watch.folder = ""
    said = f"{sentence}\n" if sentence else printed.getvalue()
    if "Traceback" in said:
        return "BAD printed a traceback"
    if sentence and ("\n" in sentence or len(sentence) > 2000):
        return f"BAD a sentence of {len(sentence):,} letters, {sentence[:60]!r}"
    if any(ord(letter) < 32 and letter not in "\n\r\t" for letter in said):
        return f"BAD control characters: {said[:60]!r}"
    return f"BAD {watch.seen[0]}" if watch.seen else end


def _peak_reset() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve() -> None:
    """Answer lines ``[kind, path]`` until stdin ends."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    answers, sys.stdout = sys.stdout, io.StringIO()
    watch = Watch()
    for line in sys.stdin:
        kind, name = json.loads(line)
        path = Path(name)
        tempfile.tempdir = str(path.parent)
        _peak_reset()
        start = time.perf_counter()
        end = ended(kind, path, watch)
        seconds = time.perf_counter() - start
        answer = {"end": end, "seconds": seconds, "mb": _peak_mb()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
