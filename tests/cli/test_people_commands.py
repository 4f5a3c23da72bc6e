"""kb share and people on the command line, which may everything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder

from minicpm_rag.cli import main
from minicpm_rag.library import Library
from minicpm_rag.records import User

ANN = User("login:i:ann", frozenset({"login:i:ann", "ann@x.org"}), frozenset({"sales"}), "ann@x.org")


@pytest.fixture
def library() -> Iterator[Library]:
    with Library(Path(os.environ["MINICPM_RAG_HOME"]), embedder=HashedEmbedder()) as library:
        ann = library.seen_by(ANN)
        ann.sign_in()
        ann.create("Heron")
        yield library


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["--lang", "en", *arguments]) == code
    return capsys.readouterr().out


def test_sharing_is_shown_and_changed(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert "user:ann@x.org" in said(capsys, "kb", "share", "Heron"), "as she is shown, not by the provider's id"
    told = said(capsys, "kb", "share", "Heron", "group:legal", "read")
    assert "group:legal" in told
    assert "group:legal" not in said(capsys, "kb", "share", "Heron", "group:legal", "none")
    said(capsys, "kb", "share", "Heron", "everyone", "write")
    assert library.sharing("Heron").everyone == "write"


@pytest.mark.parametrize("who", [["bob", "read"], ["user:", "read"], ["everyone:x", "read"], ["user:bob"]])
def test_what_is_no_grantee_is_wrong_usage(
    library: Library, capsys: pytest.CaptureFixture[str], who: list[str]
) -> None:
    before = library.sharing("Heron")
    said(capsys, "kb", "share", "Heron", *who, code=2)
    assert library.sharing("Heron") == before


def test_users_audit_and_tokens(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(said(capsys, "people", "list", "--json"))
    assert (row["user"], row["groups"]) == ("ann@x.org", "sales")
    lines = json.loads(said(capsys, "people", "audit", "--json"))
    assert [line["action"] for line in lines] == ["create", "sign in"]
    assert "Heron" in said(capsys, "people", "audit")
    token = said(capsys, "people", "token", "ann@x.org").strip()
    user = library.user_of_token(token)
    assert user is not None and user.id == ANN.id
    assert "1 token " in said(capsys, "people", "end-tokens", "ann@x.org")
    assert library.user_of_token(token) is None
