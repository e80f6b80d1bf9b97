"""The command line: the calls of a notebook, without the web."""

import sys
from collections.abc import Sequence

from app.cli.output import output, tell, tell_cause
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
    options = None
    try:
        options = parsed(list(sys.argv[1:] if arguments is None else arguments))
        with output():
            command_module(options.command).run(options)
    except (KeyboardInterrupt, Cancelled) as stopped:
        tell(str(stopped) or "cancelled")
        return 130
    except QuantError as error:
        tell(str(error))
        if options is not None and options.debug:
            tell_cause(error)
        return 1
    return 0
