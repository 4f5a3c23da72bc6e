"""What is listed of a knowledge base, and until when it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_workspace import row
from hashed_embedder import HashedEmbedder

from minicpm_rag.indexing import Worker, follow, submit_ingest, submit_remove
from minicpm_rag.library import Library
from minicpm_rag.library.listing import Listing
from minicpm_rag.messages import Message

KB = "notes"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "home", embedder=HashedEmbedder()) as opened, Worker(opened):
        yield opened


def ingest(library: Library, path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    list(follow(library, submit_ingest(library, KB, [path])))


def test_each_order_and_what_can_be_chosen() -> None:
    listing = Listing(
        [
            row(1, "b.PDF", indexed_at="2026-01-02", size_bytes=5, tags=("plan", "old")),
            row(2, "A.md", indexed_at="2026-01-03", size_bytes=9),
            row(3, "c", indexed_at="2026-01-01", size_bytes=7, status="failed", reason=Message("system.fault")),
        ]
    )
    ids = {order: [one.id for one in listing.ordered(order)] for order in ("name", "newest", "largest")}
    assert ids == {"name": [3, 2, 1], "newest": [2, 1, 3], "largest": [3, 2, 1]}
    assert listing.names == ("A.md", "b.PDF", "old", "plan")
    assert [one.id for one in listing.newest] == [2, 1]
    assert (listing.kinds, listing.tags, listing.has_remarks) == ((".md", ".pdf"), ("old", "plan"), True)
    assert listing.ordered("name") is listing.ordered("name")


def test_it_is_kept_until_a_document_a_failure_a_tag_or_a_folder_changes(library: Library, tmp_path: Path) -> None:
    ingest(library, tmp_path / "a.txt", "The pump is checked every week.")
    kept = library.listing(KB)
    counts = library.knowledge_bases()
    assert library.listing(KB) is kept
    assert library.seen_by(None).listing(KB) is kept
    (document,) = kept.rows

    library.change_tags([document.id], add=["pumps"])
    assert [one.tags for one in library.listing(KB).rows] == [("pumps",)]
    library.move([document.id], "plant")
    assert [one.folder for one in library.listing(KB).rows] == ["plant"]
    ingest(library, tmp_path / "broken.pdf", b"%PDF-1.7 nothing of one")
    assert [one.status for one in library.documents(KB)] == ["ready", "failed"]
    assert [one.title for one in library.ready_documents(KB)] == ["a.txt"]
    ingest(library, tmp_path / "b.txt", "The filter is cleaned every month.")
    assert [one.documents for one in library.knowledge_bases()] == [2]
    assert [one.documents for one in counts] == [1]
    list(follow(library, submit_remove(library, KB, [str(tmp_path / "broken.pdf"), str(tmp_path / "b.txt")])))
    assert [one.title for one in library.documents(KB)] == ["a.txt"]
    assert [one.documents for one in library.knowledge_bases()] == [1]


def test_a_renamed_knowledge_base_is_listed_under_its_new_name(library: Library, tmp_path: Path) -> None:
    ingest(library, tmp_path / "a.txt", "The pump is checked every week.")
    assert library.knowledge_bases()[0].name == library.listing(KB).rows[0].knowledge_base == KB
    library.rename(KB, "other")
    assert library.knowledge_bases()[0].name == library.listing("other").rows[0].knowledge_base == "other"
