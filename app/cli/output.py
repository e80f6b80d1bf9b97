"""What a command prints and writes beside its files."""

import argparse
import errno
import json
import os
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quant.errors import printable
from quant.io.atomic import write_file
from quant.io.show import one_line
from quant.io.tables import finite, table_csv

LONGEST = 2000
"""Longest line on stderr, in characters."""


def report(options: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """Print ``values`` as JSON (infinite numbers as null) if asked, else the text."""
    print(json.dumps(finite(values), allow_nan=False) if options.json else printable(text))


def tell(text: str) -> None:
    """Print a line for people on stderr: names in it stay text, and it has an end."""
    line = one_line(printable(text.replace("\n", " ")), LONGEST)
    print(f"quantlens: {line}", file=sys.stderr)


def tell_cause(error: BaseException) -> None:
    """Print on stderr where an error came from, with all that it was raised from."""
    print(printable("".join(traceback.format_exception(error))), file=sys.stderr, end="")


@contextmanager
def output() -> Generator[None]:
    """Hand over what is printed in the block, and end with 1 where it cannot be.

    Without a word where who reads has what they wanted, as ``head`` does.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in {errno.EPIPE, errno.ENOSPC}:
            raise
        # Nothing more is tried when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.ENOSPC:
            tell("what was found cannot be printed: no space is left there; send it elsewhere")
        raise SystemExit(1) from error


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as a table, whole or not at all."""
    write_file(path, table_csv(rows).encode())
