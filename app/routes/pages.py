"""Addresses of pages that a person would type."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route


async def _start(_: Request) -> Response:
    return RedirectResponse("/")


def routes() -> list[BaseRoute]:
    """Overview, like every page, by its name: as the page to start with it lives at ``/`` alone."""
    return [Route("/overview", _start)]
