"""ONNX Runtime is imported with its telemetry off, from wherever QuantLens is entered."""

import os
import subprocess
import sys

import pytest

PROBE = """
import os, sys, importlib
order = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            order.append(os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Watch())
importlib.import_module({module!r})
importlib.import_module("quant.runtime.session")
assert order == ["1"], order
"""


@pytest.mark.parametrize("module", ["quant", "analysis", "app.cli.entry", "app.server"])
def test_telemetry_is_off_before_the_import(module):
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
