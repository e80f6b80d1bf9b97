import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quant.errors import ExportError
from quant.io.atomic import staged, write_file


def everything(folder):
    return sorted(p.name for p in folder.rglob("*"))


def test_a_file_is_written_and_replaced_whole(tmp_path):
    target = tmp_path / "out.bin"
    write_file(target, b"one")
    target.chmod(0o640)
    write_file(target, b"two")
    assert target.read_bytes() == b"two"
    assert target.stat().st_mode & 0o777 == 0o640
    assert everything(tmp_path) == ["out.bin"]


def test_files_have_their_names_only_after_the_block(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    with staged({a: b"1", b: b"2"}) as waiting:
        assert not a.exists()
        assert not b.exists()
        assert waiting[a].name == "a"
        assert waiting[b].read_bytes() == b"2"
    assert everything(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_nothing_new_and_the_old_file(tmp_path, error):
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with pytest.raises(error), staged({target: b"new", tmp_path / "b": b""}):
        raise error
    assert target.read_bytes() == b"old"
    assert everything(tmp_path) == ["a"]


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(ExportError, match="its folder does not exist; create the folder"):
        write_file(tmp_path / "no" / "out.bin", b"")


def test_a_folder_of_that_name_is_one_sentence(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(ExportError, match="there is a folder of that name"):
        write_file(tmp_path / "out", b"")


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "no space left on device"), (errno.EACCES, "not writable")],
)
def test_a_full_disk_or_a_refusal_leaves_nothing_behind(tmp_path, monkeypatch, code, words):
    def fail(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with pytest.raises(ExportError, match=words):
        write_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert everything(tmp_path) == ["a"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_never_replaced(tmp_path, kind):
    target = tmp_path / "pipe"
    os.mkfifo(target)
    if kind == "device":
        target = Path(os.devnull)
    with pytest.raises(ExportError, match="a device or a pipe, not a file"):
        write_file(target, b"x")
    assert not target.is_file()
    assert everything(tmp_path) == ["pipe"]


KILLED = """
import os, signal, sys
from pathlib import Path
from quant.io.atomic import staged
with staged({Path(sys.argv[1]): b"half"}):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    target = tmp_path / "out.bin"
    (tmp_path / ".quantlens-elsewhere").mkdir()
    subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert len(everything(tmp_path)) == 3
    write_file(target, b"whole")
    assert everything(tmp_path) == [".quantlens-elsewhere", "out.bin"]


PAIR = """
import sys
from pathlib import Path
from quant.io.atomic import staged
a, b = (Path(sys.argv[1]) / name for name in "ab")
for _ in range(60):
    with staged({a: sys.argv[2].encode(), b: sys.argv[2].encode()}):
        pass
"""


def test_two_processes_that_write_the_same_files_leave_a_pair(tmp_path):
    both = [subprocess.Popen([sys.executable, "-c", PAIR, str(tmp_path), w]) for w in ("x", "y")]
    assert [process.wait() for process in both] == [0, 0]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert everything(tmp_path) == ["a", "b"]
