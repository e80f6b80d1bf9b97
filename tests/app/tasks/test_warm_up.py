import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

ALL = """
import sys
from pathlib import Path
from app.tasks.warm_up import compile_ahead
compile_ahead().join()
parts = [*Path("quant").rglob("*.py"), *Path("analysis").rglob("*.py")]
named = {".".join(p.with_suffix("").parts) for p in parts if "jit import" in p.read_text()}
assert named, "nothing is compiled any more"
print(sorted(named - sys.modules.keys()))
"""


def test_everything_that_compiles_is_compiled_ahead():
    run = [sys.executable, "-c", ALL]
    found = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]", found.stderr
