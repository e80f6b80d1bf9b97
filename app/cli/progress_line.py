"""How the command line shows where long work stands."""

import sys
from typing import Self

from quant.execution.progress import Progress


class TerminalLine:
    """A line at the end of a terminal's stderr that is written over, and gone in the end."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.show("")

    def show(self, text: str) -> None:
        """Write over the line; nothing where stderr is no terminal."""
        if self._shown:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


class Meter(TerminalLine):
    """Shows progress: done, speed, time left.

    Attributes:
        word: What is being done.
        seconds: How long it took so far.
    """

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word
        self.seconds = 0.0

    def __call__(self, progress: Progress) -> None:
        """Show one report."""
        self.seconds = progress.seconds
        left = progress.seconds_left
        total = f"/{progress.total}" if progress.total else ""
        ending = f", {left:.0f} s left" if left is not None else ""
        self.show(
            f"{self.word}: {progress.done}{total} samples, {progress.per_second:.0f} a second"
            f"{ending}"
        )
