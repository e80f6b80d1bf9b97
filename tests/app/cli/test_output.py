"""What a command prints: names stay text, a closed or full output is no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.cli.output import LONGEST, tell


def test_a_line_for_people_obeys_no_escape_and_has_an_end(capsys):
    tell("a \x1b[31mred\x1b]0;title\x07 name\nand \u202e more \ud800")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(c.isprintable() for c in said.strip())
    assert "\\x1b[31mred" in said
    tell("x" * 10_000_000)
    assert len(capsys.readouterr().err) < LONGEST + 50


@pytest.fixture
def tensor(tmp_path):
    np.savez(tmp_path / "tensor.npz", np.random.default_rng(0).random(1000, np.float32))
    return tmp_path / "tensor.npz"


def command(*words: object, stdout: object) -> subprocess.CompletedProcess[str]:
    call = "from app.cli.entry import main; import sys; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", call, *map(str, words)],
        stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_output_is_one_sentence(tensor):
    with Path("/dev/full").open("w") as full:
        found = command("picks", tensor, stdout=full)
    assert found.returncode == 1
    assert found.stderr == (
        "quantlens: what was found cannot be printed: no space is left there; send it elsewhere\n"
    )


def test_a_closed_output_is_silence(tensor):
    reader, writer = os.pipe()
    os.close(reader)
    found = command("picks", tensor, stdout=writer)
    os.close(writer)
    assert (found.returncode, found.stderr) == (1, "")
