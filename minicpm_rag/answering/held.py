"""Questions restricted by @names: "@员工手册.pdf 年假有几天？", "@legal how long is the notice?".

Knows titles, folders and tags; an @ followed by anything else stays in the question.
"""

from __future__ import annotations

import re
from dataclasses import replace

from minicpm_rag.errors import NotFoundError
from minicpm_rag.library import Library
from minicpm_rag.records import Question

_AT = re.compile(r"(?<![\w.])[@＠]")
_QUOTED = re.compile(r"[\"“《「]([^\"”》」]{1,200})[\"”》」]")
_WORD = re.compile(r"[^\s,，。;；:：?？!！]{1,200}")


def held(question: Question, library: Library, knowledge_base: str) -> Question:
    """The question without its @names, restricted to what they name."""
    if _AT.search(question.text) is None:
        return question
    titles = sorted((row.title for row in library.documents(knowledge_base)), key=len, reverse=True)
    text, found = question.text, list[str]()
    position = 0
    while (mark := _AT.search(text, position)) is not None:
        position = mark.end()
        end, name = _name(text, mark.end(), titles)
        try:
            library.scope(knowledge_base, [name])
        except NotFoundError:
            continue
        found.append(name)
        text = f"{text[: mark.start()]} {text[end:]}"
        position = mark.start()
    rest = " ".join(text.split()).strip(",，:： ")
    if not found or not rest:
        return question
    named = library.scope(knowledge_base, found)
    # The chips' dates count, where they give any.
    return replace(question, text=rest, scope=named.joined(question.scope))


def _name(text: str, start: int, titles: list[str]) -> tuple[int, str]:
    """What stands behind an @ mark: a document's title, something in quotes, or a word; with where it ends."""
    title = next((title for title in titles if title and text.startswith(title, start)), None)
    if title is not None:
        return start + len(title), title
    if (quoted := _QUOTED.match(text, start)) is not None:
        return quoted.end(), quoted[1]
    word = _WORD.match(text, start)
    return (word.end(), word[0]) if word is not None else (start, "")
