import os
import subprocess
import sys
from pathlib import Path

from quant import kernels
from quant.kernels import NAMES, cache

ROOT = Path(__file__).resolve().parents[3]


def run(text, folder, **env):
    """Run a text in a Python of its own whose kernels are kept in a folder."""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT), **env}
    command = [sys.executable, "-c", text]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=env)
    assert found.returncode == 0, found.stderr
    return found


def test_numpy_answers_until_the_kernel_is_compiled_and_the_compiled_one_from_then_on(tmp_path):
    found = run(
        "from quant import kernels\n"
        "print(kernels.load('histogram_error').__name__)\n"
        "kernels.warm_up().join()\n"
        "print({kernels.load(name).__name__.split('.')[2] for name in kernels.NAMES})\n",
        tmp_path,
    )
    assert found.stdout.split() == ["quant.kernels.plain.histogram_error", "{'compiled'}"]
    assert len(list(tmp_path.glob("*.ready"))) == len(NAMES)
    again = run(
        "from quant import kernels\nprint(kernels.load('histogram_error').__name__)", tmp_path
    )
    assert again.stdout.split() == ["quant.kernels.compiled.histogram_error"]
    said = run("import runpy; runpy.run_module('quant.kernels', run_name='__main__')", tmp_path)
    assert not said.stdout


def test_importing_the_package_does_not_import_numba():
    text = "import quant, analysis, sys; print('numba' in sys.modules)"
    assert run(text, "").stdout.split() == ["False"]


PIPELINE = """
import hashlib, quant, sys
from quant import kernels
from quant.calibrators import REGISTRY
from tests.models import conv_relu, images
model = quant.load(conv_relu().SerializeToString())
calibration = quant.calibrate(model, quant.open_data(images(32)))
def quantized(recipe):
    made = quant.quantize(model, calibration, recipe)
    return hashlib.sha256(made.to_bytes()).hexdigest()
print(hashlib.sha256(calibration.to_bytes()).hexdigest())
for name in quant.preset_names():
    print(quantized(quant.preset(name)))
for calibrator in REGISTRY.values():
    print(quantized(quant.Recipe(defaults=quant.Settings(calibrator=calibrator()))))
print(kernels.load("histogram").__name__)
"""


def test_without_numba_the_same_bytes_are_made(tmp_path):
    kernels.warm_up().join()
    with_numba = run(PIPELINE, os.environ.get("NUMBA_CACHE_DIR", "")).stdout.splitlines()
    blocked = "import sys; sys.modules['numba'] = None\n"
    without = run(blocked + PIPELINE, tmp_path).stdout.splitlines()
    assert with_numba.pop() == "quant.kernels.compiled.histogram"
    assert without.pop() == "quant.kernels.plain.histogram"
    assert without == with_numba


def test_a_folder_that_may_not_be_written_is_told_once(tmp_path):
    closed = tmp_path / "file"
    closed.write_text("")
    found = run(
        "from quant.kernels import building\n"
        "building._imported = lambda name: name\n"
        "[building.compiled(name) for name in building.NAMES]\n",
        closed / "below",
        XDG_CACHE_HOME=str(closed),
    )
    assert found.stderr.count("Compiled kernels cannot be kept") == 1
    assert "Set NUMBA_CACHE_DIR" in found.stderr


def test_a_kernel_is_compiled_anew_when_what_it_shares_has_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    folder = tmp_path / "kernels"
    folder.mkdir()
    kept = [folder / "divergence.f-1.py311.nbi", folder / "divergence.f-1.py311.1.nbc"]
    other = folder / "histogram.scan-1.py311.nbi"
    for path in (*kept, other):
        path.touch()
    assert cache.set_ready("divergence")
    cache.forget_stale("divergence")
    assert all(path.exists() for path in kept)
    monkeypatch.setattr(cache, "_key", lambda name: "another")
    assert not cache.is_ready("divergence")
    cache.forget_stale("divergence")
    assert not any(path.exists() for path in kept)
    assert other.exists()
