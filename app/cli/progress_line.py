"""How the command line shows where long work stands."""

import sys

from quant.execution.progress import Progress


class Meter:
    """Shows progress on a terminal's stderr: done, speed, time left.

    Attributes:
        word: What is being done.
        seconds: How long it took so far.
    """

    def __init__(self, word: str) -> None:
        self.word = word
        self._shown = sys.stderr.isatty()
        self.seconds = 0.0

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def __call__(self, progress: Progress) -> None:
        """Show one report."""
        self.seconds = progress.seconds
        if not self._shown:
            return
        left = progress.seconds_left
        total = f"/{progress.total}" if progress.total else ""
        ending = f", {left:.0f} s left" if left is not None else ""
        print(
            f"\r\033[K{self.word}: {progress.done}{total} samples, "
            f"{progress.per_second:.0f} a second{ending}",
            end="",
            file=sys.stderr,
            flush=True,
        )
