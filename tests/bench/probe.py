"""One piece of work in a process of its own: its seconds and its peak memory, printed as JSON.

Every probe imports the same libraries first, so that peaks compare; ``net`` is what the work added
to them. The peak is the kernel's high-water mark of this program alone. (``ru_maxrss`` would do,
but on Linux it starts at the peak of the process that launched this one.)
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import quant
from tests.bench import peer

OURS = "QuantLens"


@dataclass(frozen=True)
class Cost:
    """What a piece of work took.

    Attributes:
        seconds: Wall time, imports left out.
        peak_mb: Peak memory of the process in MB.
        net_mb: The part of it that the work added to the imports.
    """

    seconds: float
    peak_mb: float
    net_mb: float


def cost(work: str, model: Path, data: Path, samples: int, batch: int) -> Cost:
    """Run a piece of work in a fresh process.

    Args:
        work: :data:`OURS` (load, calibrate and quantize), or one of
            :data:`tests.bench.peer.METHODS` (``quantize_static`` on a model that its own
            preparation has been through, which is not counted).
        model: The float model.
        data: Calibration data.
        samples: How many samples to use.
        batch: Samples in a batch of the peer's, at most; it cannot hold batches of two sizes.

    Returns:
        What it took.
    """
    command = [sys.executable, "-m", "tests.bench.probe", work, str(model), str(data)]
    found = subprocess.run(
        [*command, str(samples), str(_divisor(samples, batch))],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Cost(**json.loads(found.stdout.splitlines()[-1]))


def _divisor(number: int, most: int) -> int:
    """The largest divisor of ``number`` that is not above ``most``."""
    return max(d for d in range(1, most + 1) if number % d == 0)


def _ours(model: Path, data: Path, samples: int) -> None:
    loaded = quant.load(model)
    calibration = quant.calibrate(loaded, quant.open_data(data, loaded), samples=samples)
    quant.quantize(loaded, calibration, quant.preset("onnxruntime-default")).to_bytes()


def _theirs(method: str, model: Path, data: Path, samples: int, batch: int) -> None:
    reader = peer.Reader(quant.open_data(data), batch, samples)
    with tempfile.TemporaryDirectory() as folder:
        peer.quantize_with(method, model, Path(folder) / "int8.onnx", reader)


def memory_mb(field: str) -> float:
    """A field of this process's memory status, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Do what the arguments of :func:`cost` say, in this process."""
    work, model, data, samples, batch = sys.argv[1:]
    before, started = memory_mb("VmRSS"), time.perf_counter()
    if work == OURS:
        _ours(Path(model), Path(data), int(samples))
    else:
        _theirs(work, Path(model), Path(data), int(samples), int(batch))
    seconds, peak = time.perf_counter() - started, memory_mb("VmHWM")
    print(json.dumps(asdict(Cost(seconds, peak, peak - before))))


if __name__ == "__main__":
    main()
