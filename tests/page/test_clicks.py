"""What a click asks for is done, whatever the browser sends before, beside or after it."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser_parts import REPOSITORY, Server
from page_client import PATIENCE, Client
from waiting import wait_until

# Opens the workspace once a file named "open" lies beside the home, goes nowhere while "hold" lies there, and takes up
# what a part of the page asks for only when the run under way is at its end while "late" lies there.
HELD = """
import time
from pathlib import Path

import streamlit as st
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from minicpm_rag import workspace
from minicpm_rag.page import server, shared, state

open_workspace, go, request_rerun = workspace.open_workspace, state.go, AppSession.request_rerun


def once_allowed(settings):
    while not (settings.home.parent / "open").exists():
        time.sleep(0.05)
    return open_workspace(settings)


def held(to):
    folder = shared.settings().home.parent
    while (folder / "hold").exists():
        (folder / "held").touch()
        time.sleep(0.01)
    go(to)


def late(session, wanted):
    runner = session._scriptrunner
    if wanted.fragment_id and runner and (shared.settings().home.parent / "late").exists():
        while runner._requests._state is not ScriptRequestType.STOP:
            time.sleep(0.01)
    request_rerun(session, wanted)


workspace.open_workspace, state.go, AppSession.request_rerun = once_allowed, held, late
app = st.App(server.SCRIPT, middleware=server.middleware())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("clicked")
    (folder / "held.py").write_text(HELD, encoding="utf-8")
    shutil.copytree(REPOSITORY / ".streamlit", folder / ".streamlit")
    with Server(folder / "home", script=folder / "held.py") as started:
        yield started


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


def test_a_click_is_done_though_another_run_is_asked_for_in_the_same_breath(client: Client) -> None:
    for _ in range(10):
        client.begin({client.find("go-library"): ("trigger_value", True)})
        client.begin()
        client.wait_for("upload-")
        client.begin({client.find("go-chat"): ("trigger_value", True)})
        client.begin()
        client.wait_for("add-documents")


def test_of_two_clicks_in_the_same_breath_the_last_one_is_obeyed(client: Client) -> None:
    for _ in range(10):
        library, chat = client.find("go-library"), client.find("go-chat")
        client.begin({library: ("trigger_value", True)})
        client.begin({chat: ("trigger_value", True)})
        client.begin({library: ("trigger_value", True)})
        client.wait_for("upload-")
        client.begin({library: ("trigger_value", True)})
        client.begin({chat: ("trigger_value", True)})
        client.wait_for("add-documents")


@contextmanager
def nobody_goes_anywhere(server: Server) -> Iterator[Path]:
    """While this lasts, a click that leads to a view does not end; yields the file that is there once one has begun."""
    hold, held = (server.home.parent / name for name in ("hold", "held"))
    held.unlink(missing_ok=True)
    hold.touch()
    try:
        yield held
    finally:
        hold.unlink()


def test_two_questions_in_the_same_breath_are_both_asked(server: Server, client: Client) -> None:
    question = client.find("-question")
    with nobody_goes_anywhere(server):
        client.begin({client.find("go-chat"): ("trigger_value", True)})
        client.begin({question: ("chat", "年假有多少天？")})
        client.begin({question: ("chat", "Who signs the contract?")})
        client.arrived()
    client.wait_for("ask-this-")
    asked = [part for part in client.shown if 'class="rag-question"' in part]
    assert len(asked) == 1 and "年假有多少天？" in asked[0] and "Who signs the contract?" in asked[0]


def test_a_question_from_a_tab_that_was_open_before_the_server_is_asked_once(server: Server, client: Client) -> None:
    question = client.find("-question")
    with Client(server.address) as reconnected:
        reconnected.run({question: ("chat", "年假有多少天？")})
        reconnected.wait_for("ask-this-")
        assert len([part for part in reconnected.shown if 'class="rag-question"' in part]) == 1


def test_a_knowledge_base_is_changed_though_something_else_is_clicked_in_the_same_breath(client: Client) -> None:
    for number in range(4):
        _and_then(client, {"create-name": f"A{number}", "create-submit": True}, "go-chat", "add-documents")
        _and_then(client, {}, "go-library", f"rename-name-A{number}")
        _and_then(client, {"rename-name": f"B{number}", "rename-submit": True}, "go-chat", "add-documents")
        _and_then(client, {}, "go-library", f"delete-sure-B{number}")
        client.run({client.find("delete-sure"): ("bool_value", True)})
        _and_then(client, {"delete-submit": True}, "go-chat", "add-documents")
        _and_then(client, {}, "go-library", "upload-")
        assert not [widget for widget in client.widgets if f"delete-sure-B{number}" in widget]


def test_a_conversation_is_changed_though_something_else_is_clicked_in_the_same_breath(client: Client) -> None:
    client.run({client.find("-question"): ("chat", "How many days of leave?")})
    client.wait_for("ask-this-")
    _and_then(client, {"-title-": "Holidays", "rename-talk-submit": True}, "go-library", "upload-")
    _and_then(client, {}, "-open-", "ask-this-")
    assert any("Holidays" in part for part in client.shown)
    _and_then(client, {"-edited-": "How many days at Easter?", "ask-this-": True}, "go-library", "upload-")
    _and_then(client, {}, "-open-", "ask-this-")
    assert any("How many days at Easter?" in part for part in client.shown)
    assert not any("How many days of leave?" in part for part in client.shown if "rag-question" in part)


def _and_then(client: Client, first: dict[str, str | bool], then: str, shown: str) -> None:
    """Send two actions in the same breath, then run the page until it shows what the second one leads to."""
    ids = {client.find(part): value for part, value in first.items()}
    second = client.find(then)
    client.begin({one: ("trigger_value" if value is True else "string_value", value) for one, value in ids.items()})
    client.begin({second: ("trigger_value", True)})
    client.wait_for(shown)


def test_what_a_click_began_is_done_to_its_end_before_the_next_run(server: Server, client: Client) -> None:
    with nobody_goes_anywhere(server) as begun:
        client.begin({client.find("go-library"): ("trigger_value", True)})
        wait_until(begun.exists)
        client.begin()
        client.arrived()
    client.wait_for("upload-")


def test_what_a_click_leads_to_is_drawn_though_a_part_of_the_page_asks_to_be_drawn_again_as_it_ends(
    server: Server, client: Client
) -> None:
    late = server.home.parent / "late"
    late.touch()
    try:
        with nobody_goes_anywhere(server) as begun:
            client.begin({client.find("go-library"): ("trigger_value", True)})
            wait_until(begun.exists)
            client.begin(fragment=client.fragments[0])  # it is part of every view
            time.sleep(0.5)  # it has come; a server that waits for the run's end cannot say so
        client.wait()
    finally:
        late.unlink()
    assert client.find("upload-")


def test_what_was_typed_is_there_for_a_click_that_is_taken_up_with_the_next_one(server: Server, client: Client) -> None:
    name, create = client.find("create-name"), client.find("create-submit")
    with nobody_goes_anywhere(server):
        client.begin({client.find("go-library"): ("trigger_value", True)})
        client.begin({name: ("string_value", "合同 Contracts"), create: ("trigger_value", True)})
        client.begin({client.find("go-chat"): ("trigger_value", True)})
        client.arrived()
    client.wait_for("add-documents")
    client.click("go-library")
    client.wait_for("rename-name-合同 Contracts")


def test_a_server_is_tested_though_the_page_is_drawn_anew_meanwhile(server: Server, client: Client) -> None:
    tested, over = threading.Event(), threading.Event()

    def hang_up(listening: socket.socket) -> None:
        """Leave the first to wait, whom nobody listens to any more, and hang up on those that come later."""
        waiting, _ = listening.accept()
        tested.set()
        with waiting:
            while not over.is_set():
                listening.accept()[0].close()

    client.click("go-model")
    client.wait_for("server-test")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=hang_up, args=(listening,), daemon=True).start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        client.begin(
            {
                client.find("server-address"): ("string_value", address),
                client.find("server-test"): ("trigger_value", True),
            }
        )
        assert tested.wait(PATIENCE)
        client.run()  # the run that had begun is ended for it
        assert any("rag-notice bad" in shown for shown in client.shown)
        over.set()
        socket.create_connection(listening.getsockname()).close()


def test_a_double_click_on_an_example_asks_once(client: Client) -> None:
    client.run({client.find("create-name"): ("string_value", "Examples")})
    client.click("create-submit")
    client.wait_for("upload-")
    client.upload("upload-", [("leave.md", b"# Leave\n\n## Holidays\n\nStaff have 27 days of leave a year.\n")])
    client.click("go-chat")
    client.wait_for("ask-0")
    example = client.find("ask-0")
    client.begin({example: ("trigger_value", True)})
    client.begin({example: ("trigger_value", True)})
    client.wait_for("ask-this-")
    assert len([part for part in client.shown if 'class="rag-question"' in part]) == 1


def test_a_label_of_the_language_before_chooses_no_other_knowledge_base(client: Client) -> None:
    """A browser that clicks before it has the new labels sends the old ones once more."""
    choice = client.find("knowledge-base-choice")
    for language, of_the_other in (("中文", "Default"), ("English", "默认")):
        client.run({client.find("language-choice"): ("string_array_value", [language])})
        client.run({choice: ("string_value", of_the_other), client.find("go-library"): ("trigger_value", True)})
        client.run()
        assert any(heading in client.shown for heading in ("默认知识库", "Default knowledge base")), client.shown
