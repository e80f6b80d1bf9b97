"""Python runs this first, in every process that has this folder on its path: notes what asks out.

A line for each address asked that is not of this machine, in the file that the environment names.
"""

import os
import sys

_LOG = os.environ.get("QUANTLENS_WATCH_LOG")
_HERE = ("127.", "::1", "localhost")
_EVENTS = {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}


def _hook(event, arguments):
    if event not in _EVENTS or "pytest" in sys.modules:  # a test may ask what it likes
        return
    asked = arguments[0] if event.startswith("socket.gethost") else arguments[-1]
    if event == "socket.getaddrinfo":
        asked = arguments[0]
    host = asked[0] if isinstance(asked, tuple) else asked
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    # None is this machine; a text of another kind of socket is a path.
    if host is None or (isinstance(asked, str) and event in {"socket.connect", "socket.sendto"}):
        return
    if not str(host).startswith(_HERE):
        line = f"{event} {host} by {sys.argv[:3]}\n"
        log = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(log, line.encode())
        os.close(log)


if _LOG:
    sys.addaudithook(_hook)
