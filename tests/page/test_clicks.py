"""What a click asks for is done, whatever the browser sends before, beside or after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_parts import Server
from page_client import Client

# Opens the workspace once a file named "open" lies beside the home.
HELD_OPEN = """
import time
from pathlib import Path

import streamlit as st

from minicpm_rag import workspace
from minicpm_rag.page import server

open_workspace = workspace.open_workspace


def once_allowed(settings):
    while not (settings.home.parent / "open").exists():
        time.sleep(0.05)
    return open_workspace(settings)


workspace.open_workspace = once_allowed
app = st.App(server.SCRIPT, middleware=server.middleware())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("clicked")
    (folder / "held.py").write_text(HELD_OPEN, encoding="utf-8")
    made = Server(folder / "home", script=folder / "held.py")
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    (server.home.parent / "open").touch()
    with Client(server.address) as opened:
        opened.wait_for("add-documents")
        yield opened


def test_a_click_while_the_workspace_opens_is_obeyed(server: Server) -> None:
    with Client(server.address) as early:
        early.wait_for("question")
        early.click("go-library")
        assert "view=library" in early.address_names
        (server.home.parent / "open").touch()
        early.wait_for("upload-")


def test_a_run_asked_before_the_browser_has_the_new_address_undoes_no_click(client: Client) -> None:
    before = client.address_names
    client.click("go-library")
    assert client.address_names != before
    client.run(address=before)
    assert client.find("upload-")


def test_going_back_shows_what_the_address_names(client: Client) -> None:
    client.click("go-library")
    library = client.address_names
    client.click("go-model")
    client.run(address=library, back=True)
    assert client.find("upload-")
    client.run(address="", back=True)
    assert client.find("add-documents")


def test_a_page_is_loaded_as_its_address_names_it(server: Server, client: Client) -> None:
    client.click("go-library")
    with Client(server.address) as reloaded:
        reloaded.run(address=client.address_names)
        assert reloaded.find("upload-")
