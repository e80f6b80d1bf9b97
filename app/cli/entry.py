"""The command line: the calls of a notebook, without the web."""

import sys
from collections.abc import Sequence

from app.cli.parser import command_module, parsed
from quant.errors import Cancelled, QuantError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words of the command line; those of the process by default.

    Returns:
        0 when done, 1 when the input was at fault (one line on stderr says what), 130 when
        interrupted. Wrong usage exits with 2.
    """
    try:
        options = parsed(list(sys.argv[1:] if arguments is None else arguments))
        command_module(options.command).run(options)
    except (KeyboardInterrupt, Cancelled) as stopped:
        print(f"quantlens: {str(stopped) or 'cancelled'}", file=sys.stderr)
        return 130
    except QuantError as error:
        print(f"quantlens: {error}", file=sys.stderr)
        return 1
    return 0
