"""ONNX Runtime is imported with its telemetry off, from wherever QuantLens is entered."""

import logging
import os
import subprocess
import sys

import onnx
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


def test_the_libraries_that_read_models_print_no_names(tmp_path):
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        net (float[1, 4] x) => (float[1, 4] y) { c = Constant<value_float = 1.0>() y = Add(x, c) }
    """)
    model.graph.node[0].input.append("\x1b[31mred")
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    read = "import sys, quant\ntry: quant.load(sys.argv[1])\nexcept quant.QuantError: pass"
    done = subprocess.run(
        [sys.executable, "-c", read, tmp_path / "net.onnx"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_level_that_somebody_gave_a_logger_stays():
    given = "import logging; logging.getLogger('onnx_ir').setLevel('INFO'); import quant"
    asked = "print(logging.getLogger('onnx_ir').level, logging.getLogger('onnxscript').level)"
    done = subprocess.run(
        [sys.executable, "-c", f"{given}; {asked}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(logging.INFO), str(logging.CRITICAL)]
