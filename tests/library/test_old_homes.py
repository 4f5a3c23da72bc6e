"""Homes of older programs open and answer as before; what they stored as English sentences has two languages now."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder
from library_parts import done, found, ingest, opened
from old_homes import ANSWER, ERROR, FAILED, KB, NOTE, QUESTION, REMEDY, TEXTS, UPLOADED, USER, make

from minicpm_rag import indexing
from minicpm_rag.errors import EmbedderMismatchError
from minicpm_rag.library import Library
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger import Ledger, migrations
from minicpm_rag.library.ledger.old_reasons import KINDS, SENTENCES, message_of
from minicpm_rag.messages import Message, core, placeholders, text

SCHEMAS = (1, 2)


def shape(home: Path) -> list[tuple[str, str, str]]:
    """Every table and index of a home's ledger, the keyword tables of single indexes left out."""
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as ledger:
        rows = ledger.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
    bare = ((kind, name, re.sub(r"--.*", "", sql or "")) for kind, name, sql in rows)  # without comments
    return [(kind, name, " ".join(sql.split())) for kind, name, sql in bare if "keywords_" not in name]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_old_home_opens_and_answers_as_before(tmp_path: Path, schema: int) -> None:
    home, embedder = make(tmp_path, schema), HashedEmbedder()
    with opened(home, embedder) as library:
        (base,) = library.knowledge_bases()
        assert (base.name, base.embedder, base.documents, base.chunks) == (KB, "hashed", 3, 5)
        rows = {row.title: row for row in library.documents(KB)}
        assert {title: row.status for title, row in rows.items()} == dict.fromkeys(TEXTS, "ready") | {FAILED: "failed"}
        for name, paragraphs in TEXTS.items():
            assert library.page_text(rows[name].id, 1) == "\n\n".join(paragraphs)
            chunks = library.passages(KB, library.chunk_ids(rows[name].id))
            assert [chunk.page_content for chunk in chunks] == paragraphs
            assert library.original_path(rows[name].id) is not None
        assert library.setting(KB, "evidence") == {"bar": 0.25}
        for question, title in (
            ("第二号仪器的保修期", "仪器.txt"),
            ("Instrument 3 calibrated", "note.md"),
            ("水泵报价", UPLOADED),
        ):
            best, _ = library.dense_search(KB, embedder.embed_query(question), 3)[0]
            assert best == library.keyword_search(KB, question, 3)[0][0]
            assert library.passages(KB, [best])[0].metadata["title"] == title
        signs = library.token_signs(library.chunk_ids(rows["note.md"].id))
        assert len(signs) == (0 if schema == 1 else 2)
        assert not indexing.check(library, repair=False).problems
        assert embedder.embedded == 0


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_old_home_is_written_to_as_before(tmp_path: Path, schema: int) -> None:
    embedder = HashedEmbedder()
    with opened(make(tmp_path, schema), embedder) as library:
        (copied,) = done(library, 3)  # the job that was waiting
        assert copied.status == "duplicate"
        verdicts = ingest(library, tmp_path / "files", kb=KB)
        assert {verdict.status for name, verdict in verdicts.items() if name != FAILED} == {"unchanged"}
        assert embedder.embedded == 0
        before = library.version(KB)
        (tmp_path / "files" / "仪器.txt").write_text("飞艇停在第七号机库。", encoding="utf-8")
        assert ingest(library, tmp_path / "files", kb=KB)["仪器.txt"].status == "replaced"
        assert library.version(KB) > before > (1, 5)
        assert "仪器.txt" in found(library, "飞艇机库", KB)
        done(library, indexing.submit_remove(library, KB, [f"upload:{UPLOADED}"]))
        assert UPLOADED not in {row.title for row in library.documents(KB)}
        assert not indexing.check(library, repair=False).problems


@pytest.mark.parametrize("schema", SCHEMAS)
def test_conversations_of_an_old_home_are_shown_as_before(tmp_path: Path, schema: int) -> None:
    conversations = Conversations(Ledger(make(tmp_path, schema)))
    (conversation,) = conversations.listed(USER)
    assert (conversation.title, conversation.knowledge_base) == (QUESTION, KB)
    answered, failed, open_ = conversations.exchanges(USER, conversation.id)
    assert answered.answer is not None and failed.answer is not None and open_.answer is None
    assert (answered.answer.text, answered.answer.mode) == (ANSWER, "model")
    (citation,) = answered.answer.citations
    assert citation.document.page_content[citation.quote_start : citation.quote_end] == citation.quote
    assert str(failed.answer.error) == ERROR
    conversations.ask(USER, conversation.id, "And now?")
    assert conversations.listed(USER)[0].changed_at > conversation.changed_at


@pytest.mark.parametrize("schema", SCHEMAS)
def test_reasons_of_an_old_home_are_messages(tmp_path: Path, schema: int) -> None:
    with Library(make(tmp_path, schema), embedder=None) as library:
        rows = {row.title: row for row in library.documents(KB)}
        assert rows[FAILED].reason == Message("loaders.no_text")
        noted = rows[UPLOADED]
        assert noted.reason == Message("loaders.scans_unread", unread=2, present=7)
        assert (str(noted.reason), str(noted.remedy)) == (NOTE, REMEDY)
        assert noted.reason is not None
        assert text("zh", noted.reason) == "7 页中有 2 页是没有文字的扫描图。"
        (verdict,) = done(library, 1)
        assert str(verdict.reason) == "it is not in the knowledge base"
        with pytest.raises(EmbedderMismatchError, match="Run: minicpm-rag kb reindex"):
            done(library, 2)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_old_ledger_ends_with_the_tables_of_a_new_one(tmp_path: Path, schema: int) -> None:
    home = make(tmp_path, schema)
    for _ in range(2):  # the second time there is nothing left to do
        Ledger(home).close()
    Ledger(tmp_path / "new").close()
    assert shape(home) == shape(tmp_path / "new")


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in migrations.MIGRATIONS] == list(range(1, migrations.NEWEST + 1))


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_old_sentence_finds_its_message(sentence: str) -> None:
    values = dict.fromkeys(placeholders(sentence), "3") | ({"what": "PDF"} if "{what}" in sentence else {})
    words = sentence.format(**values)
    message = message_of(words)
    assert message.key == SENTENCES[sentence]
    assert placeholders(core().texts[message.key][1]) <= message.values.keys()
    assert message_of(f"{words} Something else.") == Message("system.words", words=f"{words} Something else.")


def test_old_kinds_of_files_are_messages() -> None:
    assert set(KINDS.values()) <= core().texts.keys()
    assert text("zh", message_of("The workbook is protected by a password.")) == "工作簿有密码保护。"
