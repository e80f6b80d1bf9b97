"""What is settled before an engine is imported, for the app, the command line and ``import quant``.

ONNX Runtime from 1.32 on sends telemetry from the moment it is imported, and writes an id of the
device under the user's cache folder. It looks at ``ORT_DISABLE_TELEMETRY`` then and never again, so
the variable is set here, and this is the only place that imports it.
"""

import importlib
import os
from typing import Any


def onnxruntime() -> Any:
    """ONNX Runtime, which has no types to check against, with its telemetry off."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return importlib.import_module("onnxruntime")
