"""``python -m tests.fuzz``: hostile files by kind and how reading them ended.

Each file is made from a seed, read by a process of its own that lives on, and may take 10 s and
2 GB. What ends badly is kept in a folder, from where it belongs into ``tests/fuzz/corpus``.
"""

import argparse
import collections
import functools
import json
import random
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from tests.fuzz.kinds import KINDS, kind_named, slug
from tests.fuzz.mutate import mutated

ROOT: Final = Path(__file__).resolve().parents[2]
SECONDS, MB = 10.0, 2048.0


class Outcome(NamedTuple):
    """How one input ended.

    Attributes:
        kind: Its kind.
        seed: What it was made from.
        content: The file.
        end: "success", "sentence", or "BAD" and why.
        seconds: How long it took.
        mb: Peak of the process while it was read.
    """

    kind: str
    seed: int
    content: bytes
    end: str
    seconds: float
    mb: float


@functools.cache
def _sound(kind: str) -> list[bytes]:
    return KINDS[kind].seeds()


def made(kind: str, seed: int) -> bytes:
    """The hostile file of a seed."""
    rng = random.Random(seed)
    return mutated(KINDS[kind].form, rng.choice(_sound(kind)), _sound(kind), rng)


class Reader:
    """A process that reads files, begun again whenever one of them ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def read(self, kind: str, seed: int, content: bytes) -> Outcome:
        """Let a file be read."""
        place = Path(tempfile.mkdtemp(dir=self._folder))
        path = place / kind_named(kind).name
        path.write_bytes(content)
        start = time.monotonic()
        end, seconds, mb = "BAD died", 0.0, 0.0
        answer = self._answer(json.dumps([kind, str(path)]))
        if answer is None:
            end = f"BAD not done after {SECONDS:.0f} s"
            self.stop()
        elif answer:
            found = json.loads(answer)
            end, seconds, mb = found["end"], found["seconds"], found["mb"]
        else:
            self.stop()
        seconds = seconds or time.monotonic() - start
        if mb > MB:
            end = f"BAD {mb:,.0f} MB"
        shutil.rmtree(place, ignore_errors=True)
        return Outcome(kind, seed, content, end, seconds, mb)

    def _answer(self, line: str) -> str | None:
        """A line; "" where the process died, None where it takes too long."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=ROOT,
            )
            patience = 60.0  # it loads the libraries first
        else:
            patience = SECONDS + 1
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return ""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            return process.stdout.readline() if selector.select(patience) else None

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def outcomes(count: int, seed: int, readers: int = 2) -> Iterator[Outcome]:
    """Read ``count`` files, each by one of some processes."""
    for kind in KINDS:
        _sound(kind)  # here, because two threads would make them twice
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(readers) as pool:
        free = [Reader(Path(folder)) for _ in range(readers)]

        def read(number: int) -> Outcome:
            kind, own = list(KINDS)[number % len(KINDS)], seed * 1_000_003 + number
            reader = free.pop()
            try:
                return reader.read(kind, own, made(kind, own))
            finally:
                free.append(reader)

        try:
            yield from pool.map(read, range(count))
        finally:
            for reader in free:
                reader.stop()


def main() -> int:
    """Print the table of kinds and outcomes; 0 if none is bad."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for what ends badly")
    options = parser.parse_args()
    table: dict[str, collections.Counter[str]] = {kind: collections.Counter() for kind in KINDS}
    slowest = dict.fromkeys(KINDS, 0.0)
    largest = dict.fromkeys(KINDS, 0.0)
    bad: list[Outcome] = []
    for done, outcome in enumerate(outcomes(options.inputs, options.seed), 1):
        kind = outcome.kind
        table[kind][outcome.end if outcome.end in {"success", "sentence"} else "bad"] += 1
        slowest[kind] = max(slowest[kind], outcome.seconds)
        largest[kind] = max(largest[kind], outcome.mb)
        if outcome.end.startswith("BAD"):
            bad.append(outcome)
            print(f"{kind}, seed {outcome.seed}: {outcome.end}", flush=True)
            if options.keep:
                options.keep.mkdir(exist_ok=True)
                (options.keep / f"{slug(kind)}-{outcome.seed}").write_bytes(outcome.content)
        if done % 500 == 0:
            print(f"… {done:,} of {options.inputs:,}", file=sys.stderr, flush=True)
    print(f"{'kind':28}{'success':>9}{'sentence':>10}{'bad':>5}{'slowest':>10}{'peak':>10}")
    for kind, ends in table.items():
        counts = f"{ends['success']:9,}{ends['sentence']:10,}{ends['bad']:5,}"
        print(f"{kind:28}{counts}{slowest[kind]:8.1f} s{largest[kind]:7,.0f} MB")
    print(f"{options.inputs:,} inputs, {len(bad)} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
