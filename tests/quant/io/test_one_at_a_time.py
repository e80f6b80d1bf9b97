import signal
import subprocess
import sys

import pytest

from quant.errors import ExportError
from quant.io.one_at_a_time import LOCK_NAME, alone_in

HOLDS = (
    "import sys, time; from pathlib import Path; from quant.io.one_at_a_time import alone_in\n"
    "with alone_in(Path(sys.argv[1])):\n"
    "    print('in', flush=True); time.sleep(60)"
)


def test_the_second_is_refused_in_a_sentence_until_the_first_is_done(tmp_path):
    with alone_in(tmp_path):
        with pytest.raises(ExportError, match="another run is at work in this folder") as raised:
            alone_in(tmp_path).__enter__()
        assert str(tmp_path) in str(raised.value)
    assert list(tmp_path.iterdir()) == []
    with alone_in(tmp_path):
        pass


def test_a_killed_run_keeps_nobody_out(tmp_path):
    words = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "in\n"
        with pytest.raises(ExportError, match="another run"):
            alone_in(tmp_path).__enter__()
        holder.send_signal(signal.SIGKILL)
    assert (tmp_path / LOCK_NAME).exists()
    with alone_in(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "mine").write_text("kept")
    (tmp_path / LOCK_NAME).symlink_to(tmp_path / "mine")
    with pytest.raises(ExportError, match="not writable"):
        alone_in(tmp_path).__enter__()
    assert (tmp_path / "mine").read_text() == "kept"


def test_an_error_inside_leaves_no_lock(tmp_path):
    with pytest.raises(KeyError), alone_in(tmp_path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
