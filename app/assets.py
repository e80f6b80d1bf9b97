"""Static files that the components load: Plotly's own bundle, from its Python wheel."""

from importlib.resources import files
from pathlib import Path
from typing import Final

import plotly
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

PLOTLY_URL: Final = f"/quantlens/plotly-{plotly.__version__}.min.js"
"""Where the browser finds Plotly; the version is in the name, so it may be cached for ever."""

ICON: Final = str(Path(__file__).parent / "static" / "icon.png")
"""The page icon: a local file, because a named Material icon is fetched from outside."""


async def _plotly(_: Request) -> Response:
    bundle = files("plotly") / "package_data" / "plotly.min.js"
    return FileResponse(
        str(bundle),
        media_type="text/javascript",
        # Said to be encoded, so that the server spends no 150 ms on compressing it for loopback.
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Encoding": "identity",
        },
    )


def routes() -> list[BaseRoute]:
    """The routes of the static files."""
    return [Route(PLOTLY_URL, _plotly)]
