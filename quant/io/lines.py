"""Files of JSON lines that grow while work goes on."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quant.errors import ExportError


def append_line(path: Path, document: Mapping[str, Any]) -> None:
    """Add a line, which is on the disk when this returns.

    Args:
        path: The file; it is made where there is none.
        document: What the line holds: JSON values, numbers finite.

    Raises:
        ExportError: If it cannot be written.
    """
    line = json.dumps(document, allow_nan=False)
    try:
        with path.open("ab") as file:
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ExportError(
            f"{path}: the results so far cannot be written ({error.strerror}); make room or check "
            "its permissions and run the command again"
        ) from error
