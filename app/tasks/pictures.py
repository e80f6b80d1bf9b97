"""What the range picker draws, computed before a row is chosen."""

import threading
import time
from typing import Final

from app.workspace.workspace import Workspace

_preparing: Final = threading.Lock()


def prepare_pictures(workspace: Workspace) -> None:
    """Compute in the background what the range picker draws, so that choosing a row is quick."""
    missing = workspace.shapes_missing()
    if not missing or not _preparing.acquire(blocking=False):
        return

    def prepare() -> None:
        try:
            for tensor in missing:
                workspace.shape(tensor)
                time.sleep(0.01)  # whoever waits for the interpreter goes first
        finally:
            _preparing.release()

    threading.Thread(target=prepare, name="quantlens-pictures", daemon=True).start()
