"""A tab as a test sees it: its widgets by name, and what it shows of the project."""

import json
import re
from dataclasses import replace
from typing import Any

import pandas as pd
from streamlit.testing.v1 import AppTest

from app.session import user_session
from app.session.project import Project, edited
from app.session.user_session import UserSession
from quant.recipe.recipe import Recipe


def named(widgets: Any, name: str) -> Any:
    """The one widget called ``name``, whatever number its key ends in and what it is about."""
    pattern = rf"{re.escape(name)}( of .+?)?( \d+( [0-9a-f]{{8}})?)?"
    found = [widget for widget in widgets if re.fullmatch(pattern, widget.key or "")]
    assert len(found) == 1, (name, [w.key for w in widgets])
    return found[0]


def plain(markdown: str) -> str:
    """What a page shows of Markdown in which names are escaped."""
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", markdown).replace("\N{WORD JOINER}", "")


def tables(app: AppTest) -> list[pd.DataFrame]:
    """The tables of layers that a page shows: a row a layer, by its whole name."""
    found = []
    for element in app.get("bidi_component"):
        if element.proto.component_name == "row_table":
            table = json.loads(json.loads(element.proto.json)["table"])
            keys = [column["key"] for column in table["columns"]][1:]
            rows = [dict(zip(keys, row["cells"][1:], strict=True)) for row in table["rows"]]
            index = pd.Index([row["name"] for row in table["rows"]], name="name")
            found.append(pd.DataFrame(rows, index, columns=pd.Index(keys)))
    return found


def session(app: AppTest) -> UserSession:
    return app.session_state["quantlens"]


def project(app: AppTest) -> Project:
    return session(app).project


def select_row(app: AppTest, row: str) -> None:
    app.session_state["quantlens"] = replace(session(app), row=row)


def put(project: Project) -> None:
    """Make ``project`` the one that the next tab shows, as if the process had come to it."""
    with user_session._Process.lock:
        user_session._Process.project = project


def put_recipe(recipe: Recipe) -> None:
    """Edit the recipe as another tab would."""
    now = user_session.latest()
    put(replace(edited(now, recipe), revision=now.revision + 1))
