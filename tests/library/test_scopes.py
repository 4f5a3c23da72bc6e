"""A scope finds what a library of its documents alone would find; tags and folders outlive a new version."""

from __future__ import annotations

from pathlib import Path

import pytest
from library_parts import KB, ingest, opened, write_files

from minicpm_rag.errors import LibraryError, NotFoundError
from minicpm_rag.library import Library, dense
from minicpm_rag.records import PAGE, START, TITLE, Scope
from minicpm_rag.retrieval import HybridRetriever

pytestmark = pytest.mark.usefixtures("store")

QUESTIONS = (
    "第2号仪器的保修期是多久？",
    "How often is Instrument 3 calibrated?",
    "编号为零件4号的部件多久校准一次",
    "P500",
    "What is the weather like?",
)


def retriever(library: Library, scope: Scope | None = None) -> HybridRetriever:
    return HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB, scope=scope)


def found(retriever: HybridRetriever, question: str, **more: Scope) -> list[tuple[str, int, int]]:
    documents = retriever.retrieve(question, **more).documents  # type: ignore[arg-type]
    return [(each.metadata[TITLE], each.metadata[PAGE], each.metadata[START]) for each in documents]


@pytest.mark.parametrize("too_many", [False, True])
def test_a_scope_finds_what_a_library_of_its_documents_alone_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, too_many: bool
) -> None:
    files = write_files(tmp_path / "files", 8)
    with opened(tmp_path / "few") as few, opened(tmp_path / "all") as everything:
        ingest(few, *files[2:5])
        ingest(everything, *files)
        scope = everything.scope(KB, [file.name for file in files[2:5]])
        assert len(scope.documents) == 3
        if too_many:  # then they are searched with the others' statistics: the same passages, if not the same scores
            monkeypatch.setattr(dense, "COMPARED", 0)
        for question in QUESTIONS:
            alone = retriever(few).retrieve(question)
            held = retriever(everything).retrieve(question, filter=scope)
            assert found(retriever(everything), question, filter=scope) == found(retriever(few), question)
            assert held.evidence == pytest.approx(alone.evidence, abs=1e-6)
            assert found(retriever(everything, scope), question) == found(retriever(few), question)


def test_a_scope_of_too_many_chunks_holds_only_its_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_files(tmp_path / "files", 8)
    monkeypatch.setattr("minicpm_rag.library.keyword_search.SCOPED_ROWS", 0)
    with opened(tmp_path / "home") as library:
        ingest(library, *files)
        scope = library.scope(KB, [files[2].name])
        for question in QUESTIONS:
            assert {title for title, *_ in found(retriever(library), question, filter=scope)} <= {files[2].name}


def test_words_mean_documents_folders_tags_formats_and_dates(tmp_path: Path) -> None:
    for name in ("contracts/a.md", "contracts/2024/b.txt", "notes/c.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"The text of {name} is about its own subject.", encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "contracts", tmp_path / "notes")
        ids = {row.title: row.id for row in library.documents(KB)}
        library.change_tags([ids["a.md"], ids["c.md"]], add=["Legal", "2026"])

        def held(*words: str) -> set[str]:
            within = library.within(KB, library.scope(KB, words))
            assert within is not None
            return {title for title, key in ids.items() if key in within}

        assert held("a.md") == held("a") == held(str(tmp_path / "contracts/a.md")) == {"a.md"}
        assert held("contracts") == held(str(tmp_path / "contracts")) == {"a.md", "b.txt"}
        assert held("2024") == {"b.txt"}
        assert held("#legal") == held("Legal") == held("@Legal") == {"a.md", "c.md"}
        assert held(".txt") == {"b.txt"} and held("contracts", "*.md") == {"a.md"}
        assert held("a", "notes") == {"a.md", "c.md"}
        assert held("since:2020-01-01") == set(ids) and held("until:2020-01-01") == set()
        assert library.within(KB, Scope()) is None
        with pytest.raises(NotFoundError, match="nowhere"):
            library.scope(KB, ["nowhere"])


def test_tags_and_folder_stay_with_a_new_version_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("The first version of the text.", encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, path)
        (row,) = library.documents(KB)
        library.change_tags([row.id], add=["#Legal", " two  words "])
        library.move([row.id], "Contracts/2026")
        path.write_text("The second version of the text.", encoding="utf-8")
        ingest(library, path)
        (row,) = library.documents(KB)
        assert row.tags == ("Legal", "two words") and row.folder == "Contracts/2026"
        assert library.tags(KB) == ["Legal", "two words"]
        assert library.within(KB, library.scope(KB, ["Contracts"])) == {row.id}
        library.change_tags([row.id], drop=["Legal"])
        library.move([row.id], "")
        (row,) = library.documents(KB)
        assert row.tags == ("two words",) and row.folder == ""
        with pytest.raises(LibraryError, match="cannot name a tag"):
            library.change_tags([row.id], add=["a, b"])
