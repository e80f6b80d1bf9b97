"""``python -m tests.e2e.alone COMMAND ...``: run a command and prove that nothing leaves by it.

Where the machine allows it, the command runs in a network of its own, which has the loopback and
a pair of interfaces that lead nowhere: what is sent there is counted. Everywhere, each Python
process on the way notes whom it asks for (``watch/sitecustomize.py``). The browser notes its
requests itself, and tests fail on one to another host.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

WATCH: Final = Path(__file__).with_name("watch")
ROOT: Final = Path(__file__).resolve().parents[2]
_INSIDE: Final = "QUANTLENS_ALONE"
_NOWHERE: Final = "nowhere0"
_OTHER_END: Final = "nowhere1"
_SETUP: Final = (
    ("link", "set", "lo", "up"),
    ("link", "add", _NOWHERE, "type", "veth", "peer", "name", _OTHER_END),
    *(
        # Without multicast and addresses of its own, or the kernel itself says hello.
        ("link", "set", end, "addrgenmode", "none", "multicast", "off", "arp", "off", "up")
        for end in (_NOWHERE, _OTHER_END)
    ),
    ("address", "add", "192.0.2.1/24", "dev", _NOWHERE),
    ("route", "add", "default", "via", "192.0.2.2"),
)


def has_namespaces() -> bool:
    """Whether this machine lets a user make a network of his own."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    steps = " && ".join(" ".join(("ip", *words)) for words in _SETUP)
    done = subprocess.run(["unshare", "-rn", "sh", "-c", steps], capture_output=True, check=False)
    return done.returncode == 0


def packets() -> int:
    """How many packets were sent to nowhere."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == _NOWHERE:
            return int(numbers.split()[9])
    raise AssertionError(f"there is no {_NOWHERE}")


def watched(command: list[str]) -> int:
    """Run a command; its exit code, or 1 where something asked for another machine."""
    inside = os.environ.get(_INSIDE) == "1"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "asked"
        path = os.pathsep.join([str(WATCH), str(ROOT), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "QUANTLENS_WATCH_LOG": str(log)}
        if inside:
            for words in _SETUP:
                subprocess.run(["ip", *words], check=True)
        before = packets() if inside else 0
        code = subprocess.run(command, env=environment, check=False).returncode
        asked = log.read_text().splitlines() if log.exists() else []
        sent = packets() - before if inside else 0
    print(
        "\n".join(["asked for by a Python process:", *asked]) if asked else "nobody was asked for"
    )
    where = f"{sent} packets left" if inside else "packets are not counted: no network of its own"
    print(where)
    return code or int(bool(asked or sent))


def main() -> int:
    """In a network of its own if there can be one."""
    command = sys.argv[1:]
    if os.environ.get(_INSIDE) != "1" and has_namespaces():
        again = ["unshare", "-rn", sys.executable, "-m", "tests.e2e.alone", *command]
        return subprocess.run(again, env={**os.environ, _INSIDE: "1"}, check=False).returncode
    return watched(command)


if __name__ == "__main__":
    sys.exit(main())
