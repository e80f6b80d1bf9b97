"""``python -m tests.fuzz.guide``: guided damage of each kind, half a minute each."""

import importlib.util
import subprocess
import sys

from tests.fuzz.kinds import KINDS

SECONDS = 30


def main() -> int:
    """The number of kinds in which something was found."""
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed here: damage is not guided by coverage")
        return 0
    found = 0
    for kind in KINDS:
        if kind == "command":  # its files are words, not content
            continue
        words = [sys.executable, "-m", "tests.fuzz.guided", kind, "--seconds", str(SECONDS)]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        last = (done.stderr.strip().splitlines() or [""])[-1]
        print(f"{kind}: {'OK' if done.returncode == 0 else 'FOUND'} {last[:100]}", flush=True)
        found += done.returncode != 0
        if done.returncode:
            print(done.stderr[-3000:])
    return found


if __name__ == "__main__":
    sys.exit(main())
