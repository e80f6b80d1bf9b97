"""Static files that the components load: Plotly's own bundle, from its Python wheel."""

from importlib import metadata
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

_PLOTLY: Final = metadata.distribution("plotly")

PLOTLY_URL: Final = f"/quantlens/plotly-{_PLOTLY.version}.min.js"
"""Where the browser finds Plotly; the version is in the name, so it may be cached for ever."""

ICON: Final = str(Path(__file__).parents[1] / "static" / "icon.png")
"""The page icon: a local file, because a named Material icon is fetched from outside."""

WORDMARK: Final = str(Path(__file__).parents[1] / "static" / "wordmark.svg")
"""The product's name, drawn in a colour that reads on both grounds."""

STYLES: Final = Path(__file__).parents[1] / "static" / "app.css"
"""What the theme has no word for."""


async def _plotly(_: Request) -> Response:
    return FileResponse(
        str(_PLOTLY.locate_file("plotly/package_data/plotly.min.js")),
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
