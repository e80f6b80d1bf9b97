"""What a command prints and writes beside its files."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quant.io.atomic import write_file
from quant.io.tables import finite, table_csv


def report(options: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """Print ``values`` as JSON (infinite numbers as null) if asked, else the text."""
    print(json.dumps(finite(values), allow_nan=False) if options.json else text)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as a table, whole or not at all."""
    write_file(path, table_csv(rows).encode())
