"""Addresses that a person would type lead to their page."""

import asyncio

from starlette.requests import Request
from starlette.routing import Route

from app.routes import pages


def test_overview_typed_as_an_address_leads_to_the_page_to_start_with():
    (route,) = pages.routes()
    assert isinstance(route, Route)
    assert route.path == "/overview"
    found = asyncio.run(route.endpoint(Request({"type": "http", "method": "GET"})))
    assert (found.status_code, found.headers["location"]) == (307, "/")
