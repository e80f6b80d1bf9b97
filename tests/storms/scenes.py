"""The commands that write, each with its inputs and results, and folders to run them in."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

import quant
from sample_models import find

OLDER: Final = b"an older result"
PROGRAM: Final = Path(sys.executable).with_name("quantlens")
PATIENCE: Final = 120


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes:
        name: Its name.
        words: What follows ``quantlens``.
        inputs: Files that it reads.
        outputs: Files that it writes.
        together: Those of them that belong together.
        state: A file that grows while it works and lets it go on, or empty.
    """

    name: str
    words: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    together: tuple[str, ...] = ()
    state: str = ""


_MODEL, _DATA = "model.onnx", "data.npz"

COMMANDS: Final = (
    Command(
        "calibrate",
        ("calibrate", _MODEL, "--data", _DATA, "--out", "cal.npz"),
        (_MODEL, _DATA),
        ("cal.npz",),
    ),
    Command(
        "quantize",
        ("quantize", _MODEL, "--data", _DATA, "--out", "int8.onnx"),
        (_MODEL, _DATA),
        ("int8.onnx", "int8.recipe.json"),
        ("int8.onnx", "int8.recipe.json"),
    ),
    Command(
        "analyze",
        (
            "analyze", _MODEL, "--data", _DATA, "--samples", "32", "--errors", "local,sensitivity",
            "--out", "out",
        ),
        (_MODEL, _DATA),
        ("out/layers.csv", "out/findings.json", "out/report.html"),
        state="out/state.jsonl",
    ),
    Command(
        "recover",
        ("recover", _MODEL, "--data", _DATA, "--time", "1000", "--target", "34 dB", "--out", "out"),
        (_MODEL, _DATA),
        ("out/int8.onnx", "out/int8.recipe.json"),
        ("out/int8.onnx", "out/int8.recipe.json"),
        state="out/trail.jsonl",
    ),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scene:
    """A folder with the inputs of the commands.

    Attributes:
        folder: The folder.
        original: The folder that it is a copy of, which no command runs in.
    """

    folder: Path
    original: Path
    _known: dict[str, dict[str, bytes]] = field(default_factory=dict[str, dict[str, bytes]])

    def fresh(self) -> "Scene":
        """A copy of the inputs, in a folder of its own."""
        place = Path(tempfile.mkdtemp(dir=self.original.parent))
        shutil.copytree(self.original, place, dirs_exist_ok=True)
        return Scene(place, self.original, self._known)

    def run(self, command: Command, wrap: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, by way of another program where one is given."""
        return subprocess.run(
            [*wrap, str(PROGRAM), *command.words], cwd=self.folder, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip

    def start(self, command: Command) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(
            [str(PROGRAM), *command.words], cwd=self.folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def results(self, command: Command) -> dict[str, bytes]:
        """What the command writes when nothing happens."""
        if command.name not in self._known:
            place = self.fresh()
            done = place.run(command)
            assert done.returncode == 0, done.stderr
            self._known[command.name] = place.results_now(command)
        return self._known[command.name]

    def results_now(self, command: Command) -> dict[str, bytes]:
        """What there is of the command's results."""
        found = {name: self.read(name) for name in command.outputs}
        return {name: content for name, content in found.items() if content is not None}

    def put_older(self, command: Command) -> Mapping[str, bytes | None]:
        """Put older results where the command will write."""
        for name in command.outputs:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(OLDER)
        return dict.fromkeys(command.outputs, OLDER)

    def read(self, name: str) -> bytes | None:
        """The content of a file, or None."""
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def leftovers(self, command: Command) -> list[str]:
        """Files that nobody asked for."""
        known = {*command.inputs, *command.outputs, command.state}
        files = (p for p in self.folder.rglob("*") if p.is_file() or p.name.startswith(".quant"))
        names = (str(path.relative_to(self.folder)) for path in files)
        extra = {"out/pareto.csv", "out/recovery.json", "out/report.html"}
        return sorted(n for n in names if n not in known | extra and not n.startswith("other-"))

    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def prepared(folder: Path) -> Scene:
    """The inputs of all commands: a sample model and some of its data."""
    sample = find("fmnist_mobilenet")
    original = folder / "original"
    original.mkdir()
    shutil.copyfile(sample.model_path, original / _MODEL)
    model = quant.load(sample.model_path)
    data = quant.open_data(sample.calibration_path, model)
    batch = next(data.batches(256))
    np.savez(original / _DATA, **{name: np.asarray(feed) for name, feed in batch.feeds.items()})
    return Scene(original, original)
