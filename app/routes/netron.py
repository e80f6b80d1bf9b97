"""Netron inside the app: its own static files on our routes, one address for each model.

Netron's server looks up the user's address on a public service, asks for consent to cookies on
every visit, hands out the model's whole folder and stops working 180 days after a release. Its
page does none of that when a few of its head entries are changed on the way out.
"""

import hashlib
import re
import secrets
from html import escape
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.routes.headers import content_policy
from quant.execution.lru import LruStore

MODELS_KEPT: Final = 8
_STATIC_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}\.(js|json|css|png|ico)")
_MODEL: Final = "model.onnx"
_CALM_NAME: Final = "quantlens-calm.js"
_SECRET: Final = secrets.token_bytes(32)
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Encoding": "identity",  # compressing a model for loopback only costs time
}

_CALM: Final = """
// Netron focuses its graph as it loads. In a frame that would scroll the page around it, and take
// the focus away from a field that is being typed into there, or close a list that is open.
const focus = HTMLElement.prototype.focus;
HTMLElement.prototype.focus = function (options) {
    if (window === window.top || document.hasFocus()) {
        focus.call(this, { ...options, preventScroll: true });
    }
};
"""


def _token(name: str, model: bytes | Path) -> str:
    """A name for the model that nobody outside the process can guess."""
    digest = hashlib.blake2b(name.encode() + b"\0", key=_SECRET, digest_size=16)
    if isinstance(model, bytes):
        digest.update(model)
    else:
        status = model.stat()
        digest.update(f"{model.resolve()}\0{status.st_mtime_ns}\0{status.st_size}".encode())
    return digest.hexdigest()


_MODELS: Final = LruStore[tuple[str, bytes | Path]](MODELS_KEPT)


def show(model: bytes | Path, name: str) -> str:
    """Put a model on show and return the path of its page, ``/netron/<token>/``.

    The same model under the same name keeps its address. The last 8 models stay on show.

    Args:
        model: The bytes of an ONNX model, or the path of its file.
        name: What Netron calls it, such as a file name.

    Raises:
        FileNotFoundError: ``model`` is a path and there is no file.
    """
    token = _token(name, model)
    _MODELS.put(token, (name, model))
    return f"/netron/{token}/"


def page(name: str) -> str:
    """Netron's index page made fit to serve: no date, no version, and the model to open."""
    index = (_folder() / "index.html").read_text(encoding="utf-8")
    index = re.sub(r'<meta name="(date|version|file|name|type|identifier)"[^>]*>\s*', "", index)
    metas = {
        "version": "0.0.0",
        "file": _MODEL,
        "name": name,
        "identifier": name if name.endswith(".onnx") else f"{name}.onnx",
    }
    head = "".join(f'<meta name="{k}" content="{escape(v)}">\n' for k, v in metas.items())
    head += f'<script src="{_CALM_NAME}"></script>\n'
    return re.sub(r"<head>\s*", lambda found: found.group() + head, index, count=1)


def _not_found() -> Response:
    return Response("Not found", status_code=404, media_type="text/plain")


async def _index(request: Request) -> Response:
    token = request.path_params["token"]
    shown = _MODELS.get(token)
    if shown is None:
        return Response(
            "This model is no longer on show. Open it in Netron again from QuantLens.",
            status_code=404,
            media_type="text/plain",
        )
    response = Response(
        page(shown[0]),
        media_type="text/html",
        headers={**_HEADERS, "Content-Security-Policy": content_policy()},
    )
    # Netron asks for consent to cookies unless this one is there; it holds nothing.
    response.set_cookie("consent", "1", path=f"/netron/{token}/", samesite="strict")
    return response


async def _file(request: Request) -> Response:
    shown = _MODELS.get(request.path_params["token"])
    if shown is None:
        return _not_found()
    name: str = request.path_params["name"]
    if name == _CALM_NAME:
        return Response(_CALM, media_type="text/javascript", headers=_HEADERS)
    return _model(shown[1]) if name == _MODEL else _static(name)


def _model(model: bytes | Path) -> Response:
    if isinstance(model, bytes):
        return Response(model, media_type="application/octet-stream", headers=_HEADERS)
    if not model.is_file():
        return _not_found()
    return FileResponse(model, media_type="application/octet-stream", headers=_HEADERS)


def _static(name: str) -> Response:
    """A script, style or picture that lies directly in the netron package."""
    folder = _folder()
    path = folder / name
    if not _STATIC_NAME.fullmatch(name) or not path.is_file() or path.resolve().parent != folder:
        return _not_found()
    media = "text/javascript" if name.endswith(".js") else None
    return FileResponse(path, media_type=media, headers=_HEADERS)


def _folder() -> Path:
    """The folder of the netron package.

    Asked of the distribution: while Streamlit runs the script, ``app/`` comes first on sys.path
    and importing ``netron`` would find this module.
    """
    return Path(str(distribution("netron").locate_file("netron"))).resolve()


async def _slash(request: Request) -> Response:
    return RedirectResponse(f"/netron/{request.path_params['token']}/")


def routes() -> list[BaseRoute]:
    """The routes that serve Netron and the models on show."""
    return [
        Route("/netron/{token:str}", _slash),
        Route("/netron/{token:str}/", _index),
        Route("/netron/{token:str}/{name:str}", _file),
    ]
