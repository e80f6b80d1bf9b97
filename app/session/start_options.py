"""What the command line asked for, carried to every run of the script."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StartOptions:
    """What to open first.

    Attributes:
        model: Path of a model to open, or None for the sample.
        data: Path of its calibration data, or None.
        int8: Path of an int8 file of another tool to start from, or None.
        measure: Whether Overview measures the first recipe by itself.
    """

    model: str | None = None
    data: str | None = None
    measure: bool = False
    int8: str | None = None


class _Process:
    """What this process was started with; the launcher sets it before it serves."""

    options = StartOptions()


def set_start_options(options: StartOptions) -> None:
    """Keep ``options`` for every later run of the script in this process."""
    _Process.options = options


def start_options() -> StartOptions:
    """What this process was started with."""
    return _Process.options
