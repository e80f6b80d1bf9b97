"""What is settled before an engine is imported, for the app, the command line and ``import quant``.

ONNX Runtime from 1.32 on sends telemetry from the moment it is imported, and writes an id of the
device under the user's cache folder. It looks at ``ORT_DISABLE_TELEMETRY`` then and never again, so
the variable is set here, and this is the only place that imports it.

The libraries that read and rewrite models comment on it by loggers, in the words of their own
insides and with names as the files have them. What a user must know is said by errors and warnings
of this project, so those loggers keep silent, unless somebody has given them a level.
"""

import importlib
import logging
import os
from typing import Any, Final

COMMENTATORS: Final = ("onnx_ir", "onnxscript")
"""Names of the loggers."""


def _silence() -> None:
    for logger in map(logging.getLogger, COMMENTATORS):
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL)


_silence()


def onnxruntime() -> Any:
    """ONNX Runtime, which has no types to check against, with its telemetry off."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return importlib.import_module("onnxruntime")
