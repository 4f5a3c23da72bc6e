"""Who may talk to the page: the hosts, sites and users that the gate lets through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from browser_parts import Server
from conftest import REPOSITORY
from free_port import free_port
from page_client import Client
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from minicpm_rag.page import door, server
from minicpm_rag.page.server import LOCAL_HOSTS, Gate

HOST = "127.0.0.1:8501"
SECRET = "0123456789abcdef0123456789abcdef"
AUTH = f'[auth]\ncookie_secret = "{SECRET}"\nredirect_uri = "https://x/oauth2callback"\n'


async def anything(request: object) -> PlainTextResponse:
    return PlainTextResponse("the page")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("the library")
    await socket.close()


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/{path:path}", anything, methods=["GET", "PUT"]), WebSocketRoute("/_stcore/stream", talk)]
    return TestClient(Gate(Starlette(routes=routes), LOCAL_HOSTS | {"documents.example.org"}))


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that may hold an [auth] section; not there at first."""
    file = tmp_path / "secrets.toml"
    monkeypatch.setattr(door, "_files", lambda: [file])
    monkeypatch.setattr(door, "_auth_was_seen", False)
    before = st.get_option("secrets.files")
    st.config.set_option("secrets.files", [str(file)])
    st.secrets._reset()
    yield file
    st.config.set_option("secrets.files", before)
    st.secrets._reset()


def cookie(**claims: object) -> dict[str, str]:
    value = create_signed_value(SECRET, "_streamlit_user", json.dumps({"is_logged_in": True, **claims}))
    return {"cookie": f"_streamlit_user={value.decode()}"}


@pytest.mark.parametrize(
    ("host", "origin", "passes"),
    [
        (HOST, f"http://{HOST}", True),
        (HOST, None, True),  # a program on this machine, or an address typed by the user
        ("localhost:8501", "http://localhost:8501", True),
        ("[::1]:8501", "http://[::1]:8501", True),
        ("documents.example.org", "https://documents.example.org", True),
        (HOST, "https://documents.example.org", True),  # a proxy that sets the Host itself
        ("evil.example:8501", "http://evil.example:8501", False),  # DNS rebinding
        ("evil.example:8501", None, False),
        (HOST, "https://evil.example", False),
        (HOST, "null", False),  # a sandboxed frame or a local file
        (HOST, "http://localhost:3000", False),  # another program's page
        (HOST, "http://127.0.0.1.evil.example", False),
        ("127.0.0.1.evil.example", None, False),
        ("127.0.0.1@evil.example", None, False),
        ("", None, False),
        ("[", None, False),
    ],
)
def test_only_the_page_itself_may_talk_to_the_server(
    client: TestClient, host: str, origin: str | None, passes: bool
) -> None:
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert client.get("/", headers=headers).status_code == (200 if passes else 403)
    if passes:
        with client.websocket_connect("/_stcore/stream", headers=headers) as socket:
            assert socket.receive_text() == "the library"
    else:
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers=headers) as socket:
            socket.receive_text()


def test_a_refusal_names_the_setting_in_the_language_of_the_browser(client: TestClient) -> None:
    for language, begins in (("zh-CN,zh;q=0.9", "不能用主机名 'nas.lan:8501'"), ("en", "The host 'nas.lan:8501'")):
        refused = client.get("/", headers={"host": "nas.lan:8501", "accept-language": language}).text
        assert refused.startswith(begins) and "MINICPM_RAG_HOSTS" in refused


def test_no_address_is_looked_up_outside() -> None:
    from streamlit import net_util

    server.middleware()
    assert net_util.get_external_ip() is None


def test_files_are_taken_without_login_where_none_is_set_up(client: TestClient, secrets: Path) -> None:
    assert client.put("/_stcore/upload_file/s/f", headers={"host": HOST}).status_code == 200


def test_files_are_taken_and_given_after_login_only(client: TestClient, secrets: Path) -> None:
    secrets.write_text(AUTH)
    for method, path in (("PUT", "/_stcore/upload_file/s/f"), ("GET", "/media/abc.png")):
        assert client.request(method, path, headers={"host": HOST}).status_code == 403
        assert client.request(method, path, headers={"host": HOST} | cookie(sub="ann")).status_code == 200
        forged = {"cookie": cookie(sub="ann")["cookie"][:-3] + "abc"}
        assert client.request(method, path, headers={"host": HOST} | forged).status_code == 403


# The door


def test_without_a_secrets_file_no_login_is_needed(secrets: Path) -> None:
    assert door.door() == door.Door(False)


def test_a_typo_in_the_secrets_file_closes_the_page_and_names_file_and_line(secrets: Path) -> None:
    secrets.write_text(AUTH + "broken = \nx = 1\n")
    closed = door.door()
    assert closed.needs_login
    assert str(secrets) in str(closed.problem)
    assert "line" in str(closed.problem)


def test_a_secrets_file_that_is_no_utf8_closes_the_page(secrets: Path) -> None:
    secrets.write_bytes(b'[auth]\nx = "\xff"\n')
    assert door.door().problem is not None


@pytest.mark.parametrize("later", ["", "[other]\nx = 1\n", None, "[auth"])
def test_once_a_login_was_set_up_nothing_opens_the_page_but_a_restart(secrets: Path, later: str | None) -> None:
    secrets.write_text(AUTH)
    assert door.door() == door.Door(True)
    if later is None:
        secrets.unlink()
    else:
        secrets.write_text(later)
    closed = door.door()
    assert closed.needs_login
    assert closed.problem is not None


def test_a_provider_that_cannot_be_reached_is_named_and_the_page_stays_closed(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, "is_in_place", True)
    address = f"http://127.0.0.1:{free_port()}/.well-known/openid-configuration"
    secrets.write_text(f'{AUTH}client_id = "x"\nclient_secret = "y"\nserver_metadata_url = "{address}"\n')
    shown = AppTest.from_file(str(server.SCRIPT), default_timeout=300).run()
    said = " ".join(element.proto.body for element in shown.get("html"))
    assert address in said and "cannot be reached" in said
    assert not shown.chat_input and not shown.button
    secrets.write_text(secrets.read_text(encoding="utf-8").replace("server_metadata_url", "other"))
    st.secrets._reset()
    shown = shown.run()  # one that Streamlit finds incomplete is told once somebody wants to log in
    assert [button.key for button in shown.button] == ["log-in"]
    shown.button[0].click().run()
    assert "not completely set up" in " ".join(element.proto.body for element in shown.get("html"))
    assert not shown.chat_input


def test_a_user_whom_the_provider_does_not_name_is_nobody() -> None:
    assert door.user_id({"iss": "i"}) is None
    assert door.user_id({"iss": "i", "sub": "", "email": ""}) is None
    assert door.user_id({"iss": "i", "sub": "ann"}) == "login:i:ann"


# The configuration


def test_the_package_and_the_repository_configure_streamlit_alike() -> None:
    assert server.CONFIGURATION.read_bytes() == (REPOSITORY / ".streamlit" / "config.toml").read_bytes()


def test_the_configuration_names_options_that_streamlit_knows() -> None:
    options = server.configuration()
    assert options["server.address"] == "127.0.0.1"
    assert options["runner.postScriptGC"] is False
    assert options["browser.gatherUsageStats"] is False
    for name in options:
        st.get_option(name)


def test_a_page_that_somebody_starts_without_the_gate_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.runtime.exists", lambda: True)
    monkeypatch.setattr(Gate, "is_in_place", False)
    shown = AppTest.from_file(str(server.SCRIPT), default_timeout=300).run()
    assert "minicpm-rag page" in " ".join(element.proto.body for element in shown.get("html"))
    assert not shown.chat_input


@pytest.mark.parametrize(("address", "says"), [("", "(address: *)"), ("127.0.0.1", "not guarded: any web site")])
def test_two_lines_that_a_user_runs_by_themselves_open_nothing(tmp_path: Path, address: str, says: str) -> None:
    (tmp_path / "mine.py").write_text("from minicpm_rag.page.app import show\nshow()\n", encoding="utf-8")
    options = ["--server.headless", "true", "--server.fileWatcherType", "none", "--server.address", address]
    mine = Server(tmp_path / "home", script=tmp_path / "mine.py", options=options)
    mine.start()
    try:
        with Client(mine.address) as anybody:
            anybody.run()
            shown = " ".join(anybody.shown)
            assert says in shown, shown
            assert "minicpm-rag page" in shown
            assert set(anybody.widgets.values()) <= {"button"}  # to try again
        assert says in mine.log()
        assert not (mine.home / "ledger.sqlite3").exists()
    finally:
        mine.stop()
