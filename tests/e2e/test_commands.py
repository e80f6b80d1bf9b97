"""Each command as a process of its own: under ``tests.e2e.alone`` it is seen whom they ask."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from app.cli.parser import COMMANDS
from tests.models import conv_relu, images

pytestmark = pytest.mark.e2e

RUNS = {
    "calibrate": "net.onnx --data data.npz --out cal.npz",
    "quantize": "net.onnx --calibration cal.npz --out int8.onnx",
    "measure": "net.onnx int8.onnx --data data.npz",
    "compare": "net.onnx int8.onnx --data data.npz --beside recommended --out compared",
    "import": "net.onnx int8.onnx --out like.json",
    "convert": "net.onnx --calibration cal.npz --to tensorrt --out net.cache",
    "curves": "net.onnx --calibration cal.npz --tensor image",
    "picks": "tensor.npz",
    "analyze": "net.onnx --data data.npz --out analysis",
    "runtime": "net.onnx --calibration cal.npz --runs 3 --csv runtime.csv",
    "integers": "net.onnx --calibration cal.npz --preset onnxruntime-default --out integers",
    "recover": "net.onnx --data data.npz --time 1 --out recovery",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model and data; each command finds what those before it wrote."""
    found = tmp_path_factory.mktemp("commands")
    onnx.save(conv_relu(), found / "net.onnx")
    np.savez(found / "data.npz", **images(), labels=np.arange(8) % 2)
    np.savez(found / "tensor.npz", batch=images()["image"])
    return found


def test_every_command_is_run_here():
    assert set(RUNS) | {"open"} == set(COMMANDS)


@pytest.mark.parametrize("command", RUNS)
def test_a_command_does_its_work_and_ends(folder: Path, command: str):
    program = Path(sys.executable).with_name("quantlens")
    done = subprocess.run(
        [program, command, *RUNS[command].split()],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
