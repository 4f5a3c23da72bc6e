"""A conversation as a Markdown file with its sources, to keep or to send on.

The text of documents and answers is quoted as it is: a Markdown file is read, not run.
"""

from __future__ import annotations

from collections.abc import Sequence

from minicpm_rag import records
from minicpm_rag.page import sources
from minicpm_rag.page.language import said, t
from minicpm_rag.page.views import knowledge
from minicpm_rag.records import Answer, Conversation, Exchange


def as_markdown(conversation: Conversation, exchanges: Sequence[Exchange]) -> str:
    """The conversation as Markdown: questions as headings, answers, and each quote with its place."""
    parts = [
        f"# {conversation.title or t('untitled')}",
        t("knowledge_base") + ": " + knowledge.shown(conversation.knowledge_base),
    ]
    for exchange in exchanges:
        parts.append("## " + " ".join(exchange.question.split()))
        answer = exchange.answer
        if answer is None:
            parts.append(t("interrupted"))
            continue
        if answer.standalone_question not in ("", exchange.question):
            parts.append("*" + t("searched_for", question=answer.standalone_question) + "*")
        parts += [words for words in (answer.text, said(answer.error)) if words]
        if answer.citations:
            parts.append(f"**{t('sources')}**\n\n" + "\n".join(_quotes(answer)))
        elif answer.mode == "refused" and answer.documents:
            parts.append(t("nearest") + "\n\n" + "\n".join(_passages(answer)))
    return "\n\n".join(parts) + "\n"


def with_sources(answer: Answer) -> str:
    """An answer as it is copied: its text, then what each number in it stands for."""
    return "\n\n".join([answer.text, *(["\n".join(_quotes(answer))] if answer.citations else [])])


def _quotes(answer: Answer) -> list[str]:
    seen = {(c.number, c.quote): c for c in sorted(answer.citations, key=lambda c: (c.number, c.quote_start))}
    return [
        f"- [{number}] {_title(citation.document.metadata)}{_place(sources.place(citation.document))}: "
        f"“{' '.join(quote.split())}”"
        for (number, quote), citation in seen.items()
    ]


def _passages(answer: Answer) -> list[str]:
    return [
        f"- {_title(document.metadata)}{_place(sources.place(document))}: “{' '.join(document.page_content.split())}”"
        for document in answer.documents[:3]
    ]


def _title(metadata: dict[str, object]) -> str:
    return str(metadata.get(records.TITLE, ""))


def _place(place: str) -> str:
    return f", {place}" if place else ""
