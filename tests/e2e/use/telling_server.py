"""Serves the app as the launcher does; two addresses more tell the project and forget it.

What the pages show is compared with what the server holds, so both have to be seen.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.routes import plotly
from app.session import user_session
from app.views.shared import page_guard

LAUNCH = (
    "import sys; from tests.e2e.use import telling_server; telling_server.tell(); "
    "from pathlib import Path; from app.server import serve; "
    "serve(*[a or None for a in sys.argv[2:4]], open_browser=False, measure=False, "
    "script=Path(sys.argv[1]))"
)
TOLD, FORGOTTEN = "/told", "/forgotten"


async def _told(_: Request) -> JSONResponse:
    now = user_session.latest()
    history = [*now.past, now.recipe, *reversed(now.future)]
    return JSONResponse({"history": [r.to_json() for r in history], "index": len(now.past)})


async def _forgotten(_: Request) -> JSONResponse:
    user_session.forget()
    return JSONResponse({})


def tell() -> None:
    """Add the two addresses to those that are served, and let no fix measure itself.

    What a measurement finds draws the page again at a time that nobody who clicks can know.
    """
    page_guard.start_measurement_and_timing = lambda _: None
    own = plotly.routes
    plotly.routes = lambda: [*own(), Route(TOLD, _told), Route(FORGOTTEN, _forgotten)]
