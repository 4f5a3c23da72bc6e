"""Sharing a knowledge base on the page, and whom the login's provider describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from fake_workspace import row
from hashed_embedder import HashedEmbedder
from streamlit.testing.v1 import AppTest
from waiting import wait_until

from minicpm_rag.errors import NotFoundError
from minicpm_rag.indexing import submit_ingest
from minicpm_rag.library import Library
from minicpm_rag.library.listing import Listing
from minicpm_rag.messages import Message
from minicpm_rag.page import door, once, server, shared
from minicpm_rag.page.background.jobs import Jobs
from minicpm_rag.page.views import question_box
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
    app = AppTest.from_function(drawn, default_timeout=300)
    app.session_state["library"] = library
    app.session_state["language"] = "en"
    return app.run()


def test_its_maker_manages_it_and_nobody_else_sees_it(app: AppTest) -> None:
    assert not app.exception
    assert app.selectbox(key="share-everyone-Heron").value == "none"
    assert "ann@x.org (Person): Manage" in app.markdown[0].value.replace("\\", "")  # as Markdown escapes it


def test_names_behind_an_at_are_those_of_ones_own_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    salaries = row(1, "salaries.txt", tags=("private",))

    def names(user: str, *seen: str) -> list[str]:
        def listing(name: str) -> Any:
            if name not in seen:
                raise NotFoundError("library.no_knowledge_base", name=name, known=Message("library.no_names"))
            return Listing([salaries])

        library = SimpleNamespace(listing=listing)
        monkeypatch.setattr(question_box.state, "user", lambda: user)
        monkeypatch.setattr(question_box.state, "knowledge_base", lambda: "Heron")
        return list(question_box._names(SimpleNamespace(library=library)))

    assert names("ann", "Heron") == ["salaries.txt", "private"]
    assert names("bob") == []


def test_a_person_is_added_and_taken_away(app: AppTest, library: Library) -> None:
    app.text_input(key="share-name").input("Bob@x.org")
    app.selectbox(key="share-level").select("write")
    next(button for button in app.button if "share-submit" in str(button.key)).click().run()
    assert not app.exception
    assert Grant("user", "bob@x.org", "write") in library.sharing("Heron").grants
    app.button(key="unshare-Heron-0").click().run()
    assert [grant.name for grant in library.sharing("Heron").grants] == [ANN.id]


def test_changes_that_come_at_once_are_all_made(app: AppTest, library: Library) -> None:
    library.share("Heron", "user", "bob@x.org", "read")
    app.run()
    bobs = next(number for number, one in enumerate(library.sharing("Heron").grants) if one.name == "bob@x.org")
    app.selectbox(key="share-everyone-Heron").select("write")
    app.text_input(key="share-name").input("eve@x.org")
    app.button(key=f"unshare-Heron-{bobs}").click()
    next(button for button in app.button if "share-submit" in str(button.key)).click().run()
    assert not app.exception
    sharing = library.sharing("Heron")
    assert sharing.everyone == "write" and {one.name for one in sharing.grants} == {ANN.id, "eve@x.org"}


def test_what_cannot_be_shared_is_a_sentence_and_changes_nothing(app: AppTest, library: Library) -> None:
    app.button(key="unshare-Heron-0").click().run()
    assert not app.exception
    assert [part for part in app.get("html") if "rag-notice bad" in part.proto.body]
    assert [one.name for one in library.sharing("Heron").grants] == [ANN.id]


def test_what_everyone_may_do_is_shown_as_somebody_else_has_changed_it(app: AppTest, library: Library) -> None:
    app.selectbox(key="share-everyone-Heron").select("read").run()
    library.share("Heron", "everyone", "", "write")
    assert app.run().selectbox(key="share-everyone-Heron").value == "write"
    assert library.sharing("Heron").everyone == "write"


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


def test_jobs_of_an_earlier_knowledge_base_of_the_name_are_shown_to_its_people_only(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minicpm_rag.indexing.follow", lambda *_, **__: iter(()))
    secret = tmp_path / "the plan nobody knows of.txt"
    jobs = Jobs()
    job = jobs.begin(library, "ingest", "Heron", lambda: submit_ingest(library, "Heron", [secret]))
    library.rename("Heron", "Crane")  # by the API, say: the page hears nothing of it
    eve = library.seen_by(User("login:i:eve", frozenset({"login:i:eve"}), frozenset(), "eve"))
    eve.create("Heron")
    assert jobs.of("Heron", library) == [job]
    assert jobs.of("Heron", eve) == []


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page over a real workspace, whose models nobody needs here."""
    monkeypatch.setattr(shared, "_warm", lambda opened: None)
    monkeypatch.setattr(door, "_auth_was_seen", False)
    monkeypatch.setattr(server.Gate, "is_in_place", True)
    once.forget()
    st.cache_data.clear()
    yield
    once.forget()


def page_of(name: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The library view as one person sees it after logging in."""
    claims = {"is_logged_in": True, "iss": "i", "sub": name, "email": f"{name}@x.org"}
    monkeypatch.setattr(type(st.user), "to_dict", lambda _: claims)
    app = AppTest.from_file(str(Path(door.__file__).parent / "entry" / "script.py"), default_timeout=300)
    app.secrets["auth"] = {"client_id": "x"}
    app.session_state["language"] = "en"
    app.session_state["view"] = "library"
    app.run()
    wait_until(lambda: shared.opening().done())
    return app.run()


def test_a_new_knowledge_base_is_on_nobody_elses_page_until_it_is_shared(
    served: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    anns = page_of("ann", monkeypatch)
    anns.text_input(key="create-name").input("Heron")
    next(button for button in anns.button if "create-submit" in str(button.key)).click().run()
    assert not anns.exception
    assert "Heron" in anns.selectbox(key="knowledge-base-choice").options
    assert anns.selectbox(key="share-everyone-Heron").value == "none"

    bobs = page_of("bob", monkeypatch)
    assert not bobs.exception
    assert "Heron" not in bobs.selectbox(key="knowledge-base-choice").options
    workspace = shared.workspace()
    assert workspace is not None
    workspace.library.share("Heron", "user", "bob@x.org", "read")
    bobs.run()
    assert "Heron" in bobs.selectbox(key="knowledge-base-choice").options
    bobs.selectbox(key="knowledge-base-choice").select("Heron").run()
    assert not bobs.exception
    assert not [box for box in bobs.selectbox if str(box.key).startswith("share-")], "he may not manage it"
    lines = [(line.user, line.action) for line in workspace.library.audit()]
    assert lines == [("bob@x.org", "sign in"), ("ann@x.org", "create"), ("ann@x.org", "sign in")]
    workspace.close()


def test_administrators_see_users_and_what_they_did(library: Library) -> None:
    def view() -> None:
        import streamlit as st

        from minicpm_rag.page.views import administration

        administration.draw(st.session_state["workspace"])

    app = AppTest.from_function(view, default_timeout=300)
    app.session_state["workspace"] = SimpleNamespace(library=library.seen_by(replace(ANN, is_administrator=True)))
    app.session_state["language"] = "en"
    app.run()
    assert not app.exception
    users, audit = (frame.value for frame in app.dataframe)
    assert list(users["User"]) == ["ann@x.org"]
    assert list(audit["Action"]) == ["create", "sign in"]


def test_a_claim_of_another_name_gives_the_groups() -> None:
    user = door.user_of({"sub": "ann", "roles": ["hr"]}, load_settings(groups_claim="roles"))
    assert user.groups == {"hr"}
