"""Finds a Chromium, Chrome or Edge, and installs Chromium where there is none.

``python -m tests.e2e.browser`` does that before the tests and says what it found.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
    "/snap/bin/chromium",
)
MANAGERS = {
    "apt-get": (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]),
    "dnf": (["install", "-y", "-q", "chromium"],),
    "pacman": (["-Sy", "--noconfirm", "--needed", "chromium"],),
    "zypper": (["--non-interactive", "install", "chromium"],),
    "apk": (["add", "--quiet", "chromium"],),
}
NONE = (
    "no Chromium, Chrome or Edge was found and none could be installed: install one, or name its "
    "program in QUANTLENS_CHROMIUM"
)


def find() -> str | None:
    """The program of a browser: the one that QUANTLENS_CHROMIUM names, or any that is here."""
    chosen = os.environ.get("QUANTLENS_CHROMIUM")
    if chosen:
        return shutil.which(chosen)
    found = [path for name in NAMES if (path := shutil.which(name))]
    found += [place for place in PLACES if Path(place).is_file()]
    return found[0] if found else _of_playwright()


def install() -> None:
    """By the system's package manager where it may be used, else Playwright's own build."""
    for command, steps in MANAGERS.items():
        program, may = shutil.which(command), _privilege()
        if program and may is not None:
            print(f"No browser found: installing Chromium with {command} ...", flush=True)
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            if all(
                subprocess.run([*may, program, *step], env=env, check=False).returncode == 0
                for step in steps
            ):
                return
    print("No browser found: installing Chromium with Playwright ...", flush=True)
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def _privilege() -> list[str] | None:
    """What comes before a command that changes the system; None where that is not allowed."""
    if not hasattr(os, "geteuid"):
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if (
        sudo
        and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return [sudo, "-n"]
    return None


def _of_playwright() -> str | None:
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def main() -> None:
    """Find a browser or install one; fails with a sentence where neither works."""
    if find() is None:
        install()
    found = find()
    if found is None:
        sys.exit(f"make test: {NONE}")
    print(f"Browser tests run in {found}")


if __name__ == "__main__":
    main()
