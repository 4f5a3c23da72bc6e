"""An attacker's client against a real server of the page: broken frames, forged states, uploads that lead elsewhere."""

from __future__ import annotations

import random
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from browser_parts import Server
from page_client import PATIENCE, Client, status
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from minicpm_rag.text.questions import LONGEST_QUESTION


@pytest.fixture(scope="module")
def server(knowledge_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(shutil.copytree(knowledge_home, tmp_path_factory.mktemp("attacked") / "home")) as started:
        yield started


@pytest.fixture
def attacker(server: Server) -> Iterator[Client]:
    with Client(server.address) as client:
        client.wait_for("question")
        yield client


@pytest.fixture(autouse=True)
def _others_are_served(server: Server) -> Iterator[None]:
    """Whatever a test does, another user's page still works after it."""
    yield
    assert server.process is not None and server.process.poll() is None, server.log()
    with Client(server.address) as other:
        other.wait_for("question")
        other.click("go-library")
        other.wait_for("upload-")  # it may still be opening


def rows(server: Server, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(server.home / "ledger.sqlite3")) as ledger:
        return ledger.execute(statement).fetchall()


def broken_frames() -> list[bytes | str]:
    chance = random.Random(3)
    sound = BackMsg()
    sound.rerun_script.query_string = "x"
    whole = sound.SerializeToString()
    return [
        b"", "text", "{}", b"\x00", b"\xff" * 1000, whole[:-1], whole * 50, chance.randbytes(5_000_000),
        *(chance.randbytes(chance.randrange(1, 200)) for _ in range(30)),
    ]  # fmt: skip


def test_frames_that_are_no_messages_end_nothing(server: Server) -> None:
    for frame in broken_frames():
        with Client(server.address) as client:
            client.send(frame)


def test_messages_for_developers_do_nothing_here(server: Server, attacker: Client) -> None:
    for field in (
        "clear_cache",
        "debug_shutdown_runtime",
        "debug_disconnect_websocket",
        "load_git_info",
        "stop_script",
    ):
        message = BackMsg()
        if field in BackMsg.DESCRIPTOR.fields_by_name:
            setattr(message, field, True)
            with Client(server.address) as client:
                client.send(message.SerializeToString())
    time.sleep(0.5)
    attacker.run()
    assert attacker.shown


def test_forged_widget_states_change_nothing(server: Server, attacker: Client) -> None:
    before = rows(server, "SELECT id, source, status FROM documents")
    forged = {
        "nobody": ("trigger_value", True),
        attacker.find("question"): ("int_value", 7),
        attacker.find("go-library"): ("string_value", "x" * 1_000_000),
        attacker.find("knowledge-base-choice"): ("string_value", "../../etc"),
        attacker.find("create-name"): ("bytes_value", b"\xff\x00"),
        attacker.find("language-choice"): ("string_value", "\u202e"),
    }
    for widget, state in forged.items():
        with Client(server.address) as client:  # one of its own: some states end the session that sent them
            client.begin({widget: state})
    for odd in ({"fragment": "no such fragment"}, {"script": "0" * 32}):
        with Client(server.address) as client:
            client.begin(**odd)
    attacker.run()
    assert rows(server, "SELECT id, source, status FROM documents") == before


def test_a_question_beyond_the_limit_is_refused_and_not_stored(server: Server, attacker: Client) -> None:
    attacker.run({attacker.find("question"): ("chat", "泵" * (100 * LONGEST_QUESTION))})
    assert "1,000,000 characters; 10,000 are the most" in " ".join(attacker.shown)
    assert rows(server, f"SELECT 1 FROM exchanges WHERE length(question) > {LONGEST_QUESTION}") == []


NAMES = [
    "../../../../evil.txt", "..\\..\\evil.txt", "/etc/evil.txt", "C:\\evil.txt", "evil.txt\x00.pdf", "..", ".", "",
    "a" * 4000 + ".txt", "\u202etxt.evil.txt", "CON.txt", "evil.txt/", "//evil.txt", "upload:evil.txt",
    "%2e%2e%2fevil.txt",
    '<script>alert(1)</script>.txt', "-rf.txt", "\n\r.txt",
]  # fmt: skip


def test_uploads_stay_among_the_uploads_whatever_they_are_called(server: Server, attacker: Client) -> None:
    attacker.click("go-library")
    around = set(server.home.parent.rglob("*"))
    attacker.upload("upload-", [(name, f"Evil file number {n}.".encode()) for n, name in enumerate(NAMES)])
    deadline = time.monotonic() + PATIENCE
    while rows(server, "SELECT 1 FROM jobs WHERE status IN ('queued', 'running')"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    new = {path.relative_to(server.home) for path in set(server.home.parent.rglob("*")) - around if path.is_file()}
    own = ("uploads", "vectors", "ledger.sqlite3-wal", "ledger.sqlite3-shm", "embedders")
    strays = {path for path in new if path.parts[0] not in own}
    assert not strays
    assert all(len(path.parts) == 4 for path in new if path.parts[0] == "uploads")
    assert rows(server, "SELECT 1 FROM documents WHERE source LIKE 'upload:%' AND status = 'ready'")
    sources = [str(source) for (source,) in rows(server, "SELECT source FROM documents WHERE source LIKE 'upload:%'")]
    assert not any("/" in source or "\\" in source for source in sources)


def test_a_file_for_another_session_is_not_taken_without_its_address(server: Server, attacker: Client) -> None:
    with Client(server.address) as victim:
        victim.wait_for("question")
        (urls,) = victim.upload_urls(["mine.txt"])
        assert victim.put(urls.upload_url, "mine.txt", b"mine") in (200, 204)
        assert attacker.put(urls.upload_url.replace(victim.session, "0" * 32), "x.txt", b"x") >= 400
        assert attacker.put("/_stcore/upload_file/no-session/no-file", "x.txt", b"x") >= 400
        assert attacker.put(urls.upload_url, "x.txt", b"x", xsrf="wrong") == 403
        assert attacker.put(urls.delete_url, "", b"", method="DELETE", xsrf="wrong") == 403


@pytest.mark.parametrize(
    "path",
    [
        "/media/../ledger.sqlite3", "/media/..%2f..%2fledger.sqlite3", "/app/static/../../pyproject.toml",
        "/app/static/..%2f..%2fpyproject.toml", "/component/../../etc/passwd", "/component/x/..%2f..%2fpyproject.toml",
        "/_stcore/bidi-components/x/..%2f..%2fpyproject.toml", "/static/..%2f..%2f..%2fpyproject.toml",
        "/..%2f..%2fpyproject.toml", "//etc/passwd",
    ],
)  # fmt: skip
def test_no_path_leads_to_a_file(server: Server, path: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert b"SQLite format" not in answer
    assert b"root:" not in answer
    assert b"[project]" not in answer


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
def test_a_script_of_another_site_gets_no_websocket(server: Server, origin: str) -> None:
    stream = f"{server.address.replace('http', 'ws', 1)}/_stcore/stream"
    headers = {"Origin": origin}
    with (
        pytest.raises(WebSocketException),
        connect(stream, subprotocols=["streamlit"], additional_headers=headers, open_timeout=PATIENCE),  # type: ignore[list-item]
    ):
        pass


def test_connections_that_are_opened_and_left_keep_nobody_out(server: Server) -> None:
    half_open = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) for _ in range(60)]
    for number, raw in enumerate(half_open):
        raw.sendall(b"GET /_stcore/stream HTTP/1.1\r\n" if number % 2 else b"\x16\x03\x01\xff\xff")
    assert status(f"{server.address}/_stcore/health") == 200
    with Client(server.address) as client:
        client.wait_for("question")
    for raw in half_open:
        raw.close()
