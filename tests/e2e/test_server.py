import datetime as dt
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.routes.plotly import PLOTLY_URL
from tests.e2e.conftest import WAIT_MS, App
from tests.e2e.web_checks import checks
from tests.models import conv_relu

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent


def test_the_app_opens_without_a_request_to_another_host(start_app, page):
    app = start_app()
    page.goto(app.address)
    expect(page.get_by_text("Layers").first).to_be_visible()
    page.get_by_text("Setup").first.click()
    expect(page.get_by_text("Setup").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def is_ours(address: str) -> bool:
    """Whether an interface of this machine has an address: a name may lead elsewhere."""
    try:
        with socket.create_server((address, 0)):
            return True
    except OSError:
        return False


def test_only_this_machine_is_answered(start_app):
    app = start_app()
    # Asked of the system and not of a name server, which would be somebody outside.
    told = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False)
    own = next((word for word in told.stdout.split() if "." in word), "")
    if own and not own.startswith("127.") and is_ours(own):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((own, app.port), timeout=2)


def test_hosts_origins_tokens_paths_frames_and_uploads_are_answered_as_they_should(start_app):
    assert [check for check in checks(start_app()) if not check.ok] == []


def test_the_opening_address_leaves_a_cookie_and_no_token_in_the_bar(start_app, page, browser):
    app = start_app()
    page.goto(app.entrance)
    expect(page.get_by_text("Layers").first).to_be_visible()
    assert page.url == f"{app.base}/"
    assert page.evaluate("document.cookie").find("quantlens") == -1
    page.get_by_role("link", name="Setup").click()
    expect(page.get_by_text("Sample model").first).to_be_visible()
    other = browser.new_context()
    stranger = other.new_page()
    stranger.goto(app.base)
    expect(stranger.get_by_text("QuantLens answers the browser that opened it")).to_be_visible()
    other.close()


def test_plotly_comes_from_this_server_and_stays_in_the_cache(start_app):
    status, headers, _ = start_app().asked(PLOTLY_URL)
    assert status == 200
    assert "immutable" in headers["cache-control"]
    assert int(headers["content-length"]) > 1_000_000


def test_ctrl_c_ends_the_server_cleanly(tmp_path):
    app = App(HERE.parents[1] / "app" / "main.py", tmp_path)
    assert app.stop() == (0, "")
    assert app.log.read_text() == ""


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = subprocess.run(
            [
                sys.executable,
                "-c",
                f"from app.server import serve; serve(port={port}, open_browser=False)",
            ],
            cwd=HERE.parents[1],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert run.returncode == 1
    assert f"Port {port} is not available" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("years", [0, 2])
def test_netron_shows_two_models_today_and_in_two_years(start_app, context, years):
    app = start_app(HERE / "netron_demo.py")
    home = context.new_page()
    home.goto(app.address)
    addresses = {
        op: home.get_by_role("link", name=op).get_attribute("href") for op in ("Relu", "Softmax")
    }
    context.clock.set_fixed_time(dt.datetime.now(dt.UTC) + dt.timedelta(days=365 * years))
    for op_type, address in addresses.items():
        page = context.new_page()
        page.goto(f"{app.base}{address}" if address.startswith("/") else address)
        expect(page.locator("#target svg").get_by_text(op_type).first).to_be_visible()
        expect(page.locator("#message-text")).to_be_hidden()
        expect(page.locator("body")).to_have_class("default")
        assert page.title() == f"{op_type}.onnx"


def test_netron_takes_no_focus_from_the_page_around_it(start_app, page):
    """What is being typed would go nowhere and an open list would close."""
    page.goto(start_app(HERE / "netron_demo.py").address)
    drawn = page.frame_locator("iframe[title='Netron']").locator("#target svg .node")
    expect(drawn.first).to_be_visible()
    note = page.get_by_role("textbox", name="Note")
    note.fill("ty")
    page.locator("iframe[title='Netron']").evaluate("frame => { frame.src = frame.src; }")
    expect(drawn).to_have_count(0)
    expect(drawn.first).to_be_visible()
    expect(note).to_be_focused()
    page.keyboard.type("ped")
    expect(note).to_have_value("typed")


def test_a_server_killed_by_the_system_leaves_the_port_free(tmp_path):
    app = App(HERE.parents[1] / "app" / "main.py", tmp_path)
    app.stop(signal.SIGTERM)
    with socket.create_server(("127.0.0.1", app.port)):
        pass


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_uploads_are_gone_with_the_app_or_with_the_next_one(page, tmp_path, how):
    def folders(process: int) -> list[Path]:
        return list(Path(tempfile.gettempdir()).glob(f"quantlens-uploads-*-{process}-*"))

    def uploaded() -> App:
        app = App(HERE.parents[1] / "app" / "main.py", tmp_path)
        upload(page, app)
        for _ in range(WAIT_MS // 100):
            if folders(app.process.pid):
                break
            page.wait_for_timeout(100)
        page.goto("about:blank")
        return app

    app = uploaded()
    assert folders(app.process.pid)
    app.stop(how)
    if how is signal.SIGKILL:
        assert folders(app.process.pid)
        uploaded().stop()
    assert folders(app.process.pid) == []


def upload(page: Page, app: App) -> None:
    """Upload a model."""
    page.goto(app.address)
    page.get_by_role("link", name="Setup").click()
    page.get_by_role("radio", name="Upload").click()
    file = {"name": "mine.onnx", "mimeType": "", "buffer": conv_relu().SerializeToString()}
    page.locator("input[type=file]").first.set_input_files([file])
    expect(page.get_by_text("enter the path of its data")).to_be_visible()
    expect(page.get_by_text("mine.onnx").first).to_be_visible()
