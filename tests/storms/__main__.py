"""``python -m tests.storms``: what is left when a command is killed, or its disk and inputs fail.

For each command and each storm: whether any file is half-written, whether what was there before is
lost, whether the same command again ends as if nothing had happened, and what was said.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tests.storms.scenes import COMMANDS, PATIENCE, Command, Scene, prepared


class Row(NamedTuple):
    """A line of the table."""

    command: str
    storm: str
    ok: bool
    said: str


def last(text: str) -> str:
    """The last line that was said."""
    lines = [line for line in text.replace("\r", "\n").splitlines() if line.strip()]
    return lines[-1][:150] if lines else "nothing said"


def clean(text: str) -> bool:
    """Whether no traceback was printed."""
    return "Traceback" not in text


def kills(scene: Scene, command: Command, moments: int) -> Iterator[Row]:
    """kill -9 at some moments, over older results; then the same command again."""
    wanted = scene.results(command)
    begun = time.monotonic()
    scene.fresh().run(command)
    whole = time.monotonic() - begun
    halves = lost = other = left = mixed = 0
    for number in range(moments):
        place = scene.fresh()
        before = place.put_older(command)
        process = place.start(command)
        time.sleep(whole * (number + 0.5) / moments)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for name, content in wanted.items():
            now = place.read(name)
            halves += now not in {before[name], content}
            lost += now is None
        states = {place.read(name) == wanted[name] for name in command.together}
        mixed += len(states) > 1
        place.run(command)
        other += place.results_now(command) != wanted
        left += len(place.leftovers(command))
    said = (
        f"{moments} kills in {whole:.1f} s: {halves} half-written, {lost} lost, {mixed} pairs "
        f"mixed, {other} ended otherwise when run again, {left} leftovers"
    )
    yield Row(command.name, "kill -9", not (halves or lost or other or left), said)


def full_disk(scene: Scene, command: Command) -> Iterator[Row]:
    """A disk with room for the inputs and nothing else: the folder copied into a small tmpfs."""
    place = scene.fresh()
    before = place.put_older(command)
    folder = place.folder
    script = (
        f'cp -a "{folder}" "{folder}.all"; mount -t tmpfs -o size={place.size() + 49152} none '
        f'"{folder}"; cp -a "{folder}.all"/. "{folder}"/; rm -rf "{folder}.all"; cd "{folder}"; '
        f'set +e; "$0" "$@"; code=$?; mkdir "{folder}.then"; cp -a . "{folder}.then"; exit $code'
    )
    done = place.run(command, ("unshare", "-rm", "sh", "-ec", script))
    then = replace(place, folder=Path(f"{folder}.then"))
    kept = {name: then.read(name) for name in before}
    ok = done.returncode == 1 and clean(done.stderr) and kept == before
    ok = ok and not then.leftovers(command)
    yield Row(command.name, "full disk", ok, last(done.stderr))


def read_only(scene: Scene, command: Command) -> Iterator[Row]:
    """A folder that is mounted read-only."""
    place = scene.fresh()
    before = place.put_older(command)
    folder = place.folder
    mount = f'mount --bind "{folder}" "{folder}"; mount -o remount,ro,bind "{folder}"; '
    script = f'{mount} cd "{folder}"; exec "$0" "$@"'
    done = place.run(command, ("unshare", "-rm", "sh", "-ec", script))
    kept = {name: place.read(name) for name in before}
    ok = done.returncode == 1 and clean(done.stderr) and kept == before
    yield Row(command.name, "read-only folder", ok, last(done.stderr))


def changed_input(
    scene: Scene, command: Command, name: str, change: Callable[[Path], None], storm: str
) -> Iterator[Row]:
    """An input that changes while it is read: cut, or replaced by another."""
    codes, said, ok = [], "", True
    wanted = scene.results(command)
    for wait in (0.3, 0.8, 1.2, 1.6):
        place = scene.fresh()
        process = place.start(command)
        time.sleep(wait)
        change(place.folder / name)
        _, stderr = process.communicate(timeout=PATIENCE)
        codes.append(process.returncode)
        ok = ok and process.returncode in {0, 1} and clean(stderr)
        if process.returncode == 0:
            ok = ok and set(place.results_now(command)) == set(wanted)
        else:
            said = last(stderr)
        ok = ok and not place.leftovers(command)
    yield Row(command.name, storm, ok, f"exit codes {codes}; {said or 'all ended well'}")


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _replaced(path: Path) -> None:
    other = path.with_name(f"other-{path.name}")
    other.write_bytes(b"something else")
    other.replace(path)


def two_writers(scene: Scene, command: Command) -> Iterator[Row]:
    """The same command twice at once."""
    place = scene.fresh()
    wanted = scene.results(command)
    both = [place.start(command), place.start(command)]
    ends = [(process.communicate(timeout=PATIENCE)[1], process.returncode) for process in both]
    codes = sorted(code for _, code in ends)
    refused = next((last(stderr) for stderr, code in ends if code), "both ended well")
    ok = codes in ([0, 0], [0, 1]) and all(clean(stderr) for stderr, _ in ends)
    ok = ok and place.results_now(command) == wanted and not place.leftovers(command)
    yield Row(command.name, "two at once", ok, refused)


def storms(scene: Scene, command: Command, moments: int) -> Iterator[Row]:
    """All storms over one command."""
    yield from kills(scene, command, moments)
    yield from full_disk(scene, command)
    yield from read_only(scene, command)
    for name in command.inputs:
        yield from changed_input(scene, command, name, _cut, f"{name} cut while open")
        yield from changed_input(scene, command, name, _replaced, f"{name} replaced")
    yield from two_writers(scene, command)


def main() -> int:
    """Print the table; 0 if every line is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=8)
    parser.add_argument("--command", choices=[command.name for command in COMMANDS])
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        scene = prepared(Path(folder))
        for command in COMMANDS:
            if options.command in {None, command.name}:
                for row in storms(scene, command, options.moments):
                    bad += not row.ok
                    mark = "OK " if row.ok else "BAD"
                    print(f"{mark} {row.command:10}{row.storm:26}{row.said}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
