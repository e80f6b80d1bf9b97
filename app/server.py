"""The launcher: serves the app on this machine only and opens the browser on it."""

import asyncio
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import streamlit as st
import uvicorn.config
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app.jobs import JOBS
from app.routes import netron, pages, plotly
from app.routes.entrance import Entrance, TokenRequired
from app.routes.guard import SameOriginOnly
from app.routes.headers import SecurityHeaders
from app.session.start_options import StartOptions, set_start_options
from app.workspace import uploads
from quant import kernels

SCRIPT: Final = Path(__file__).with_name("main.py")
HOSTS: Final = ["127.0.0.1", "localhost"]


def serve(
    model: str | None = None,
    data: str | None = None,
    *,
    int8: str | None = None,
    port: int = 0,
    open_browser: bool = True,
    token: bool = True,
    measure: bool = True,
    script: Path = SCRIPT,
) -> None:
    """Serve the app on 127.0.0.1 until Ctrl-C; prints one line with the address.

    Args:
        model: Path of a model to open first, or None for the sample.
        data: Path of its calibration data.
        int8: Path of an int8 file of another tool to start from.
        port: Port to listen on; 0 takes a free one.
        open_browser: Whether to open the address in the default browser.
        token: Whether only the browser that opens the printed address is answered; without,
            every user and program of this machine is.
        measure: Whether what is open is measured by itself, where that is quick.
        script: The Streamlit script to run.

    Raises:
        SystemExit: ``port`` is taken.
    """
    set_start_options(StartOptions(model, data, measure, int8))
    for logger in uvicorn.config.LOGGING_CONFIG["loggers"].values():
        logger["level"] = "WARNING"
    # Streamlit reads .streamlit/config.toml from the folder of the script that argv names.
    sys.argv = [str(SCRIPT)]
    entrance = Entrance() if token else None
    app = st.App(
        str(script),
        routes=[*plotly.routes(), *netron.routes(), *pages.routes()],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS),
            Middleware(SameOriginOnly),
            *([Middleware(TokenRequired, entrance=entrance)] if entrance else []),
        ],
        lifespan=_lifespan(entrance, open_browser=open_browser),
    )
    try:
        app.run(config=_config(port))
    except KeyboardInterrupt:
        return


def _config(port: int) -> dict[str, Any]:
    """The Streamlit options that no configuration file may change."""
    return {
        "server.address": "127.0.0.1",
        "browser.serverAddress": "127.0.0.1",
        "server.port": port,
        "server.allowedHosts": HOSTS,
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.enableAgentApi": False,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "browser.gatherUsageStats": False,
        # Every message whole: of quick clicks Streamlit loses count which ones the browser still
        # has, sends it no more than a hash, and the page ends in "Connection error".
        "global.minCachedMessageSize": 1e12,
        "logger.hideWelcomeMessage": True,
    }


def _lifespan(entrance: Entrance | None, *, open_browser: bool) -> Any:
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        base = f"http://127.0.0.1:{st.get_option('server.port')}"
        address = entrance.address(base) if entrance else base
        sys.stdout.write(f"QuantLens runs at {address} (Ctrl-C stops it)\n")
        sys.stdout.flush()
        kernels.warm_up()  # while the browser loads the page
        if open_browser:
            first = entrance.address_for_one_use(base) if entrance else base
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, first)
        try:
            yield
        finally:
            JOBS.shutdown()
            # Here, because a signal ends the process without what Python does at its end.
            uploads.remove()

    return lifespan
