"""Questions with known answers: read from a file, or made of the documents' own sentences.

Knows where an answer stands, not how it is searched for.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from minicpm_rag import records
from minicpm_rag.errors import DocumentError
from minicpm_rag.messages import reason_of
from minicpm_rag.text.sentences import sentence_spans

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.library import Library
    from minicpm_rag.records import Exchange

SENTENCE_CHARACTERS = (12, 200)  # a document's own sentence becomes a question within these lengths


@dataclass(frozen=True)
class ReferenceQuestion:
    """A question and where its answer is; `document` is None where the documents do not answer it."""

    text: str
    document: str | None
    pages: tuple[int, ...] = ()
    answers: tuple[str, ...] = ()
    kind: str = ""  # "table", "summary", "parts", ...; of one without an answer why: "removed_article", "adversarial"
    facts: tuple[str, ...] = ()  # all of which an answer must hold
    held_to: tuple[str, ...] = ()  # documents, folders and tags, as `ask --in` names them

    def found_in(self, passage: Document, documents: Mapping[str, Collection[int]]) -> bool:
        """Whether the passage is from the document (and page) that answers; `documents` is of `named_documents`."""
        if passage.metadata[records.DOCUMENT_ID] not in documents.get(self.document or "", ()):
            return False
        return not self.pages or passage.metadata[records.PAGE] in self.pages


def named_documents(library: Library, knowledge_base: str) -> dict[str, set[int]]:
    """The ids of the documents by every name a question may use: file name, its stem, title.

    A file whose bytes were there already under another name is the same document.
    """
    documents: dict[str, set[int]] = {}
    for row in library.documents(knowledge_base):
        paths = [PurePath(source.removeprefix("upload:")) for source in (row.source, *row.other_names)]
        for name in {row.title, *(path.name for path in paths), *(path.stem for path in paths)}:
            documents.setdefault(name, set()).add(row.id)
    return documents


def load_questions(file: Path) -> list[ReferenceQuestion]:
    """Read questions from JSON Lines.

    Each line has `question` and, where there is an answer, `file` (or `passage_id`), and optionally `page` or
    `pages`, `answers` (one of them is right) and `facts` (all must be there). A line without a place is a question that
    must be refused; `kind` may say why, and of one with a place what it asks for: a "table", a "summary", "parts".
    `in` holds it to documents, folders and tags.
    """
    questions: list[ReferenceQuestion] = []
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")  # a JSON string may hold U+2028, no line end here
    except (OSError, UnicodeDecodeError) as exc:
        raise DocumentError("evaluation.questions_unreadable", file=file, why=reason_of(exc)) from exc
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            text = str(entry["question"])
        except (ValueError, TypeError, KeyError) as exc:
            raise DocumentError("evaluation.no_question_line", file=file, number=number, line=repr(line[:80])) from exc
        place = entry.get("file") or entry.get("passage_id")
        pages = entry.get("pages") or ([entry["page"]] if isinstance(entry.get("page"), int) else [])
        answers = tuple(str(answer) for answer in entry.get("answers") or ())
        kind = str(entry.get("kind") or ("" if place else "unanswerable"))
        facts, held_to = (tuple(map(str, entry.get(name) or ())) for name in ("facts", "in"))
        questions.append(ReferenceQuestion(text, place, tuple(pages), answers, kind, facts, held_to))
    return questions


def praised_questions(exchanges: Iterable[Exchange]) -> Iterator[dict[str, Any]]:
    """Answers that users called good, as lines of a question file: the place and words that they quoted.

    A refusal that was called good is a question without a place. An answer that quotes nothing is left out.
    """
    for exchange in exchanges:
        answer = exchange.answer
        if answer is None:
            continue
        question = answer.standalone_question or exchange.question
        if answer.mode == "refused":
            yield {"question": question, "kind": "refused"}
        elif answer.citations:
            first = answer.citations[0].document.metadata
            same = [c for c in answer.citations if c.document.metadata[records.TITLE] == first[records.TITLE]]
            yield {
                "question": question,
                "file": first[records.TITLE],
                "pages": sorted({c.document.metadata[records.PAGE] for c in same}),
                "answers": list(dict.fromkeys(c.quote for c in same)),
            }


def sentence_questions(library: Library, knowledge_base: str, count: int, *, seed: int = 0) -> list[ReferenceQuestion]:
    """Take the documents' own sentences as questions: an exact string must find the place it stands at."""
    chance = random.Random(seed)
    rows = list(library.ready_documents(knowledge_base))
    chance.shuffle(rows)
    pools = [_sentences(library, row, chance) for row in rows]
    questions: list[ReferenceQuestion] = []
    while pools and len(questions) < count:  # one sentence a document, then the next round
        for pool in list(pools):
            question = next(pool, None)
            if question is None:
                pools.remove(pool)
            elif len(questions) < count:
                questions.append(question)
    return questions


def _sentences(library: Library, row: records.DocumentRow, chance: random.Random) -> Iterator[ReferenceQuestion]:
    pages = library.pages(row.id)
    chance.shuffle(pages)
    shortest, longest = SENTENCE_CHARACTERS
    for page in pages:
        # A heading may stand in many documents, and none of them is its place.
        headings = {heading.start for heading in page.headings}
        spans = [
            (start, end)
            for start, end in sentence_spans(page.text)
            if shortest <= end - start <= longest and start not in headings
        ]
        chance.shuffle(spans)
        for start, end in spans:
            sentence = page.text[start:end]
            yield ReferenceQuestion(sentence, row.title, (page.number,), (sentence,))
