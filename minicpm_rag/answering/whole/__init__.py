"""Whole documents: a summary by sections, a comparison of two, and the deadlines in them, each sentence cited.

Without a model a summary is the most central sentences of each section, in order; with one, each section is written
by the model from its own passages. Knows no retrieval.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from minicpm_rag.answering.citations import quote_statements
from minicpm_rag.answering.composed import Composed, cell
from minicpm_rag.answering.named import are_of_one_kind
from minicpm_rag.answering.whole.comparison import MOST_SENTENCES, compared, gist
from minicpm_rag.answering.whole.deadlines import deadlines
from minicpm_rag.answering.whole.mentions import mentions, thing_mentioned
from minicpm_rag.answering.whole.requests import Following, Request, following, requested
from minicpm_rag.answering.whole.sections import Section, central, sections
from minicpm_rag.library import Library
from minicpm_rag.messages import Language, Message, text
from minicpm_rag.records import TITLE, Answer, AnswerEvent, PageText, Retrieval

if TYPE_CHECKING:
    import threading

    from langchain_core.documents import Document

    from minicpm_rag.text.statements import Statement

__all__ = [
    "Following",
    "Request",
    "ask_which",
    "compare",
    "following",
    "list_deadlines",
    "list_mentions",
    "mentions",
    "requested",
    "summarize",
    "thing_mentioned",
]

MOST_DEADLINES = 40  # sentences that are listed
_ALONE = 3  # sentences that stand for a document of one section
_LONG_SECTION = 700  # characters, from which on two sentences stand for it
# Writes an answer to a question from passages with the model: the chain's events.
Write = Callable[[Answer], "Iterator[AnswerEvent]"]


def ask_which(request: Request, titles: Sequence[str], language: Language) -> str:
    """Ask which documents are meant, with their names."""
    key = "answering.which_to_compare" if request.kind == "comparison" else "answering.which_to_summarize"
    return "\n".join([text(language, Message(key)), *(f"- {title}" for title in titles)])


def summarize(
    begun: Answer,
    request: Request,
    library: Library,
    language: Language,
    *,
    write: Write | None,
    cancel: threading.Event,
) -> Iterator[AnswerEvent]:
    """Summarize documents section by section; `write` is the model, None where sentences are quoted."""
    began = time.monotonic()
    growing = Composed(begun)
    yield Retrieval([], 1.0, 0.0)
    key = "answering.summary_written" if write is not None else "answering.summary_quoted"
    for row in request.documents:
        title = f"### {row.title}\n\n" if len(request.documents) > 1 else ""
        yield growing.add(title + text(language, Message(key)) + "\n")
        found = sections(row, library.pages(row.id))
        for section in found:
            if cancel.is_set():
                break
            heading = f"\n**{section.heading}**\n" if section.heading else "\n"
            if write is None:
                count = _ALONE if len(found) == 1 else 2 if section.length >= _LONG_SECTION else 1
                yield from _quoted(section, count, heading, growing, library.page_text)
            else:
                yield growing.add(heading)
                yield from _written(section, begun, language, write, growing)
        yield growing.add("\n")
    mode = "stopped" if cancel.is_set() else "model" if write is not None else "extractive"
    yield replace(growing.answer, mode=mode, seconds=begun.seconds | {"generate": time.monotonic() - began})  # type: ignore[arg-type]


def list_deadlines(
    begun: Answer, request: Request, library: Library, language: Language, cancel: threading.Event
) -> Iterator[AnswerEvent]:
    """List the sentences of documents that say by when something is due, under each document's name."""
    began = time.monotonic()
    growing = Composed(begun)
    yield Retrieval([], 1.0, 0.0)
    yield growing.add(text(language, Message("answering.deadlines")) + "\n")
    listed = left = 0
    for row in request.documents:
        if cancel.is_set():
            break
        heading = f"\n**{row.title}**\n\n"
        for passage, statement in deadlines(sections(row, library.pages(row.id))):
            if listed >= MOST_DEADLINES:
                left += 1
                continue
            quoted, citations = quote_statements([(1, statement)], [passage], library.page_text)
            if quoted:
                yield growing.add(heading + ("" if quoted.startswith(("- ", "* ")) else "- "))
                yield growing.add_cited(quoted, citations, [passage])
                yield growing.add("\n")
                heading = ""
                listed += 1
    if not listed:
        yield growing.add("\n" + text(language, Message("answering.no_deadlines")))
    if left:
        yield growing.add("\n" + text(language, Message("answering.more_deadlines", count=left)))
    mode = "stopped" if cancel.is_set() else "extractive"
    yield replace(growing.answer, mode=mode, seconds=begun.seconds | {"generate": time.monotonic() - began})  # type: ignore[arg-type]


def list_mentions(
    begun: Answer,
    thing: str,
    found: Sequence[tuple[Document, Statement]],
    library: Library,
    language: Language,
) -> Iterator[AnswerEvent]:
    """List the documents that mention a thing, each with the statement that does."""
    began = time.monotonic()
    growing = Composed(begun)
    yield Retrieval([], 1.0, 0.0)
    yield growing.add(text(language, Message("answering.mentioned_in", thing=thing, count=len(found))) + "\n")
    for passage, statement in found:
        quoted, citations = quote_statements([(1, statement)], [passage], library.page_text)
        yield growing.add(f"\n- **{passage.metadata[TITLE]}**" + (": " if quoted else ""))
        yield growing.add_cited(quoted, citations, [passage])
    yield replace(growing.answer, mode="extractive", seconds=begun.seconds | {"generate": time.monotonic() - began})


def compare(begun: Answer, request: Request, library: Library, language: Language) -> Iterator[AnswerEvent]:
    """Compare two documents sentence by sentence under their headings: what differs first, then what only one has."""
    began = time.monotonic()
    first, second = request.documents[:2]
    yield Retrieval([], 1.0, 0.0)
    growing = Composed(begun)
    parts = [sections(row, library.pages(row.id)) for row in (first, second)]
    found = compared(*parts)
    if found.is_unlike and not are_of_one_kind(first.title, second.title):
        unlike = Message("answering.compared_unlike", first=first.title, second=second.title)
        yield growing.add(text(language, unlike) + "\n")
        for row, told in zip((first, second), map(gist, parts), strict=True):
            if told is not None:
                quoted, citations = quote_statements([(1, told[1])], [told[0]], library.page_text)
                yield growing.add(f"\n- **{row.title}**: ")
                yield growing.add_cited(quoted, citations, [told[0]])
        yield replace(growing.answer, mode="extractive", seconds=begun.seconds | {"generate": time.monotonic() - began})
        return
    said = Message("answering.compared", alike=found.alike, different=len(found.rows))
    yield growing.add(text(language, said) + "\n\n")
    if found.rows:
        subject = text(language, Message("answering.compared_subject"))
        yield growing.add(f"| {subject} | {first.title} | {second.title} |\n| --- | --- | --- |\n")
    for difference in found.rows[:MOST_SENTENCES]:
        yield growing.add(f"| {cell(difference.subject)} ")
        for passage, statement in (difference.first, difference.second):
            yield growing.add("| ")
            if passage is None or statement is None:
                yield growing.add("— ")
                continue
            quoted, citations = quote_statements([(1, statement)], [passage], library.page_text)
            yield growing.add_cited(cell(quoted), [] if "|" in quoted else citations, [passage])
            yield growing.add(" ")
        yield growing.add("|\n")
    if len(found.rows) > MOST_SENTENCES:
        yield growing.add(
            "\n" + text(language, Message("answering.compared_more", count=len(found.rows) - MOST_SENTENCES))
        )
    yield replace(growing.answer, mode="extractive", seconds=begun.seconds | {"generate": time.monotonic() - began})


def _quoted(
    section: Section, count: int, heading: str, growing: Composed, page_text: PageText
) -> Iterator[AnswerEvent]:
    """The most central sentences of a section, as a list under its heading; nothing where there are none."""
    for place, statement in central(section, count):
        quoted, citations = quote_statements([(1, statement)], [section.passages[place]], page_text)
        if quoted:
            yield growing.add(heading + "- ")
            yield growing.add_cited(quoted, citations, [section.passages[place]])
            yield growing.add("\n")
            heading = ""


def _written(
    section: Section, begun: Answer, language: Language, write: Write, growing: Composed
) -> Iterator[AnswerEvent]:
    """What the model writes of a section, once it is whole and its sentences are proven."""
    about = section.heading or str(section.passages[0].metadata[TITLE])
    question = text(language, Message("answering.summarize_section", heading=about))
    events = list(write(replace(begun, standalone_question=question, documents=list(section.passages))))
    if events and isinstance(events[-1], Answer):
        told = events[-1]
        yield growing.add_cited(told.text, told.citations, told.documents, told.unsupported)
        yield growing.add("\n")
