"""Knowledge bases belong to people and groups: a stranger sees nothing through any public function."""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hashed_embedder import HashedEmbedder

from minicpm_rag import indexing
from minicpm_rag.errors import AccessError, LibraryError, NotFoundError
from minicpm_rag.indexing import Worker, follow, save_upload, submit_ingest
from minicpm_rag.library import Library
from minicpm_rag.records import Level, Scope, User

pytestmark = pytest.mark.usefixtures("store")

SECRET = "The launch of project Heron is on the third of May. It costs two million euros."
PRIVATE, OPEN = "心愿", "handbooks"


def person(name: str, *groups: str, administrator: bool = False) -> User:
    return User(
        f"login:i:{name}",
        frozenset({f"login:i:{name}", f"{name}@x.org"}),
        frozenset(groups),
        f"{name}@x.org",
        administrator,
    )


ANN, BOB, EVE = person("ann", "sales"), person("bob", "legal"), person("eve")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "home", embedder=HashedEmbedder()) as library, Worker(library):
        library.seen_by(ANN).sign_in()
        add(library.seen_by(ANN), PRIVATE, "heron.txt", SECRET)
        add(library, OPEN, "handbook.txt", "Holidays are thirty days.")
        yield library


def add(library: Library, knowledge_base: str, name: str, text: str) -> None:
    path = save_upload(library, knowledge_base, name, text.encode())
    list(follow(library, submit_ingest(library, knowledge_base, [path])))


def names(library: Library) -> list[str]:
    return [row.name for row in library.knowledge_bases()]


def document_of(library: Library) -> int:
    return library.seen_by(None).documents(PRIVATE)[0].id


def calls(library: Library, tmp_path: Path) -> dict[str, Callable[[Library], Any]]:
    """What every public function is called with, about ANN's knowledge base."""
    whole = library.seen_by(None)
    document, (chunk, *_) = document_of(library), whole.chunk_ids(document_of(library))
    vector = HashedEmbedder().embed_query("project Heron")
    return {
        "knowledge_bases": lambda seen: [row for row in seen.knowledge_bases() if row.name == PRIVATE],
        "knowledge_base": lambda seen: seen.knowledge_base(PRIVATE),
        "rename": lambda seen: seen.rename(PRIVATE, "mine"),
        "export": lambda seen: seen.export(PRIVATE, tmp_path / "stolen.zip"),
        "version": lambda seen: seen.version(PRIVATE),
        "documents": lambda seen: seen.documents(PRIVATE),
        "ready_documents": lambda seen: seen.ready_documents(PRIVATE),
        "document": lambda seen: seen.document(document),
        "page": lambda seen: seen.page(document, 1),
        "page_text": lambda seen: seen.page_text(document, 1),
        "page_texts": lambda seen: seen.page_texts(document),
        "pages": lambda seen: seen.pages(document),
        "original_path": lambda seen: seen.original_path(document),
        "scope": lambda seen: seen.scope(PRIVATE, ["heron.txt"]),
        "within": lambda seen: seen.within(PRIVATE, Scope(documents=(document,))),
        "tags": lambda seen: seen.tags(PRIVATE),
        "change_tags": lambda seen: seen.change_tags([document], add=["mine"]),
        "move": lambda seen: seen.move([document], "mine"),
        "tables": lambda seen: seen.tables(PRIVATE),
        "dense_search": lambda seen: seen.dense_search(PRIVATE, vector, 5),
        "keyword_search": lambda seen: seen.keyword_search(PRIVATE, "Heron", 5),
        "keyword_statistics": lambda seen: seen.keyword_statistics(PRIVATE, ["heron"]),
        "listing": lambda seen: seen.listing(PRIVATE).rows,
        "passages": lambda seen: seen.passages(PRIVATE, [chunk]),
        "texts": lambda seen: seen.texts(PRIVATE, [chunk]),
        "similarities": lambda seen: seen.similarities(vector, [chunk]),
        "token_signs": lambda seen: seen.token_signs([chunk]),
        "chunk_ids": lambda seen: seen.chunk_ids(document),
        "neighbours": lambda seen: [one for one in seen.neighbours(chunk) if one is not None],
        "reindex_news": lambda seen: seen.reindex_news(PRIVATE),
        "setting": lambda seen: seen.setting(PRIVATE, "evidence"),
        "set_setting": lambda seen: seen.set_setting(PRIVATE, "evidence", 1),
        "level": lambda seen: seen.level(PRIVATE),
        "sharing": lambda seen: seen.sharing(PRIVATE),
        "share": lambda seen: seen.share(PRIVATE, "user", "eve@x.org", "manage"),
        "users": lambda seen: seen.users(),
        "audit": lambda seen: seen.audit(),
        "add_token": lambda seen: seen.add_token("t" * 20, "ann@x.org"),
        "drop_tokens": lambda seen: seen.drop_tokens("ann@x.org"),
        # indexing
        "submit_ingest": lambda seen: indexing.submit_ingest(seen, PRIVATE, [tmp_path]),
        "save_upload": lambda seen: indexing.save_upload(seen, PRIVATE, "x.txt", b"x"),
        "submit_remove": lambda seen: indexing.submit_remove(seen, PRIVATE, ["upload:heron.txt"]),
        "named_sources": lambda seen: indexing.named_sources(seen, PRIVATE, "heron.txt"),
        "submit_delete": lambda seen: indexing.submit_delete(seen, PRIVATE),
        "submit_reindex": lambda seen: indexing.submit_reindex(seen, PRIVATE),
        "job_state": lambda seen: indexing.job_state(seen, 1),
        "cancel_job": lambda seen: indexing.cancel_job(seen, 1),
        "follow": lambda seen: list(indexing.follow(seen, 1)),
        "jobs_under_way": lambda seen: indexing.jobs_under_way(seen, set()),
    }


# They tell nothing of a knowledge base, or are the means of the others.
NOTHING_TOLD = {
    "bring", "close", "create", "embedder_of", "embedder_for", "known_embedder", "seen_by", "find", "ensure", "note",
    "sign_in", "user_of_token", "user_shown_as", "shown",
}  # fmt: skip
INDEXING_NOTHING_TOLD = {
    "CheckReport", "Job", "Worker", "check", "is_address", "submit_import", "wants_password", "wants_recognition",
    "would_take_long", "move_library",
}  # fmt: skip


def test_a_stranger_gets_nothing_from_any_public_function(library: Library, tmp_path: Path) -> None:
    tried = calls(library, tmp_path)
    public = {name for name, _ in inspect.getmembers(Library, inspect.isfunction) if not name.startswith("_")}
    assert public - NOTHING_TOLD | set(indexing.__all__) - INDEXING_NOTHING_TOLD == set(tried), "try the new ones too"
    eve = library.seen_by(EVE)
    for name, call in tried.items():
        try:
            found = call(eve)
        except (NotFoundError, AccessError) as error:  # noqa: PERF203 (each is tried by itself)
            assert PRIVATE not in str(error.message.values.get("known", "")), f"{name} lists it"
        else:
            assert not found, f"{name} tells a stranger {found}"
    assert names(library) == [OPEN, PRIVATE]
    assert [row.title for row in library.documents(PRIVATE)] == ["heron.txt"]
    assert not (tmp_path / "stolen.zip").exists()


def test_its_maker_may_all_of_it(library: Library, tmp_path: Path) -> None:
    ann = library.seen_by(ANN)
    assert names(ann) == [OPEN, PRIVATE]
    refused = {}
    for name, call in calls(library, tmp_path).items():
        if name in {"submit_delete", "rename"}:
            continue
        try:
            call(ann)
        except AccessError as error:
            refused[name] = error
    assert set(refused) == {"users", "audit", "add_token", "drop_tokens"}, "those are for administrators"


@pytest.mark.parametrize(
    ("level", "reads", "writes", "manages"),
    [("read", True, False, False), ("write", True, True, False), ("manage", True, True, True)],
)
@pytest.mark.parametrize(("kind", "name"), [("user", "BOB@x.org"), ("group", "legal"), ("everyone", "")])
def test_a_grant_gives_so_much_and_no_more(
    library: Library, level: Level, reads: bool, writes: bool, manages: bool, kind: Any, name: str
) -> None:
    library.seen_by(ANN).share(PRIVATE, kind, name, level)
    bob = library.seen_by(BOB)
    tries: dict[bool, list[Callable[[], Any]]] = {}
    tries.setdefault(reads, []).append(lambda: bob.keyword_search(PRIVATE, "Heron", 1))
    tries.setdefault(writes, []).append(lambda: bob.change_tags([document_of(library)], add=["x"]))
    tries.setdefault(manages, []).append(lambda: bob.sharing(PRIVATE))
    for call in tries.get(True, []):
        call()
    for call in tries.get(False, []):
        with pytest.raises(AccessError):
            call()
    library.seen_by(ANN).share(PRIVATE, kind, name, None)
    assert PRIVATE not in names(bob)


def test_somebody_always_manages_it(library: Library) -> None:
    ann = library.seen_by(ANN)
    with pytest.raises(LibraryError, match="somebody who manages"):
        ann.share(PRIVATE, "user", ANN.id, None)
    assert ann.level(PRIVATE) == "manage"


def test_a_right_that_there_is_not_is_refused_and_changes_nothing(library: Library) -> None:
    ann = library.seen_by(ANN)
    before = ann.sharing(PRIVATE)
    with pytest.raises(LibraryError, match="Can read"):
        ann.share(PRIVATE, "everyone", "", "Can read")  # type: ignore[arg-type]
    assert ann.sharing(PRIVATE) == before


def test_what_was_there_before_users_is_everybodys_and_so_is_the_common_one(library: Library) -> None:
    assert names(library.seen_by(EVE)) == [OPEN]
    add(library.seen_by(EVE), library.common, "note.txt", "A note for all.")
    assert library.common in names(library.seen_by(BOB))
    assert library.seen_by(BOB).level(OPEN) == "manage"


def test_without_a_user_all_is_allowed_and_nothing_is_noted(library: Library) -> None:
    before = library.audit()
    library.create("by the command line")
    assert library.level(PRIVATE) == "manage"
    assert library.audit() == before


def test_uploads_removals_shares_and_sign_ins_are_noted_for_ever(library: Library) -> None:
    ann = library.seen_by(ANN)
    ann.share(PRIVATE, "group", "legal", "read")
    list(follow(ann, indexing.submit_remove(ann, PRIVATE, ["upload:heron.txt"])))
    lines = [(one.user, one.action, one.knowledge_base, one.detail) for one in library.audit()]
    assert lines == [
        ("ann@x.org", "remove", PRIVATE, "heron.txt"),
        ("ann@x.org", "share", PRIVATE, "group legal: read"),
        ("ann@x.org", "upload", PRIVATE, "heron.txt"),
        ("ann@x.org", "sign in", "", "sales"),
    ]
    assert library.seen_by(person("boss", administrator=True)).audit() == library.audit()
    if library.ledger.shared:
        with library.ledger.writing() as changing:
            changing.execute("DELETE FROM audit")
            changing.execute("UPDATE audit SET action = ''")
        assert len(library.audit()) == len(lines)
        return
    connection = sqlite3.connect(library.ledger.path)
    for change in ("DELETE FROM audit", "UPDATE audit SET action = ''"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(change)
    connection.close()


def test_a_token_acts_for_its_user_until_it_is_ended(library: Library) -> None:
    library.add_token("a-token-of-ann", "Ann@x.org")
    user = library.user_of_token("a-token-of-ann")
    assert user is not None and user.groups == ANN.groups
    assert PRIVATE in names(library.seen_by(user))
    assert library.user_of_token("another") is None
    assert library.drop_tokens("ann@x.org") == 1
    assert library.user_of_token("a-token-of-ann") is None


def test_a_job_is_seen_by_those_who_may_read_its_knowledge_base(library: Library) -> None:
    with pytest.raises(NotFoundError):
        indexing.job_state(library.seen_by(EVE), 1)
    library.seen_by(ANN).share(PRIVATE, "user", "eve@x.org", "read")
    assert indexing.job_state(library.seen_by(EVE), 1).kind == "ingest"
    with pytest.raises(AccessError):
        indexing.cancel_job(library.seen_by(EVE), 1)
