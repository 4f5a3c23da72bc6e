"""Sharing a knowledge base on the page, and whom the login's provider describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hashed_embedder import HashedEmbedder
from streamlit.testing.v1 import AppTest

from minicpm_rag.library import Library
from minicpm_rag.page import door
from minicpm_rag.records import Grant, User
from minicpm_rag.settings import load_settings

ANN = User("login:i:ann", frozenset({"login:i:ann", "ann@x.org"}), frozenset(), "ann@x.org")


def drawn() -> None:
    import streamlit as st

    from minicpm_rag.page.views import sharing

    sharing.draw(st.session_state["library"], "Heron")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "home", embedder=HashedEmbedder()) as whole:
        seen = whole.seen_by(ANN)
        seen.sign_in()
        seen.create("Heron")
        yield seen


@pytest.fixture
def app(library: Library) -> AppTest:
    app = AppTest.from_function(drawn, default_timeout=30)
    app.session_state["library"] = library
    app.session_state["language"] = "en"
    return app.run()


def test_its_maker_manages_it_and_nobody_else_sees_it(app: AppTest) -> None:
    assert not app.exception
    assert app.selectbox(key="share-everyone-Heron").value == "none"
    assert "ann@x.org (Person): Manage" in app.markdown[0].value.replace("\\", "")  # as Markdown escapes it


def test_a_person_is_added_and_taken_away(app: AppTest, library: Library) -> None:
    app.text_input(key="share-name").input("Bob@x.org")
    app.selectbox(key="share-level").select("write")
    next(button for button in app.button if "share-submit" in str(button.key)).click().run()
    assert not app.exception
    assert Grant("user", "bob@x.org", "write") in library.sharing("Heron").grants
    app.button(key="unshare-Heron-0").click().run()
    assert [grant.name for grant in library.sharing("Heron").grants] == [ANN.id]


def test_everyone_may_be_let_in(app: AppTest, library: Library) -> None:
    app.selectbox(key="share-everyone-Heron").select("read").run()
    assert library.sharing("Heron").everyone == "read"


@pytest.mark.parametrize(
    ("claims", "names", "groups", "administers"),
    [
        (
            {"email": "Ann@X.org", "groups": ["sales", "board"]},
            {"ann@x.org", "ann", "login:i:ann"},
            {"sales", "board"},
            True,
        ),
        ({"email": "ann@x.org", "email_verified": False}, {"ann", "login:i:ann"}, set(), False),
        ({"groups": "sales"}, {"ann", "login:i:ann"}, {"sales"}, False),
    ],
)
def test_a_user_is_whom_the_provider_describes(
    claims: dict[str, Any], names: set[str], groups: set[str], administers: bool
) -> None:
    user = door.user_of({"iss": "i", "sub": "ann", **claims}, load_settings(administrators="ann@x.org"))
    assert (user.names, user.groups, user.is_administrator) == (names, groups, administers)


def test_the_page_takes_the_workspace_only_as_the_user_may_see_it() -> None:
    """`shared` has it as nobody's; the sidebar names only the model, and a reply is begun for the user who asks."""
    page = Path(door.__file__).parent
    taken = {
        path.relative_to(page).as_posix()
        for path in page.rglob("*.py")
        if re.search(r"shared\.(workspace|ready|opening)\(\)(?!\.done)", path.read_text(encoding="utf-8"))
    }
    assert taken == {"app.py", "state.py", "views/sidebar.py", "views/asking.py"}
    asking = (page / "views" / "asking.py").read_text(encoding="utf-8")
    assert asking.count("reply.Reply(") == asking.count("opening=lambda: _seen_by(who, opening(") == 1


def test_a_claim_of_another_name_gives_the_groups() -> None:
    user = door.user_of({"sub": "ann", "roles": ["hr"]}, load_settings(groups_claim="roles"))
    assert user.groups == {"hr"}
