"""The documents that mention a thing ("Which documents mention Redis?"), each with the line that does.

By the words alone: what is meant in other words is left to the search for passages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from minicpm_rag.records import DOCUMENT_ID, DocumentRow
from minicpm_rag.text.scripts import HAN
from minicpm_rag.text.simplified import to_simplified
from minicpm_rag.text.statements import Statement, is_heading, statements
from minicpm_rag.text.terms import fold, terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.library import Library

MOST = 30  # documents
LONGEST = 200  # characters of a question that is looked at
_DEPTH = 200  # chunks of a search
_THING_ZH = r"(?P<thing>[^，,。？?；;]{1,40}?)"
_THING_EN = r"(?:the |an? )?(?P<thing>[^,.?;]{2,60}?)"
_NOUN_ZH = r"(?:文档|文件|资料)"
_NOUN_EN = r"(?:documents?|docs?|files?|sources?)"
_SAY_ZH = r"(?:提到|提及|讲到|说到|谈到|写到|出现)(?:了|过)?"
_SAY_EN = r"(?:mentions?|refers? to|talks? about|speaks? of|contains?)"
_ASKED = (
    re.compile(
        rf"(?:请问|请)?(?:有)?(?:哪些|哪几[个份篇]|哪[个份篇]|什么){_NOUN_ZH}(?:里面?|中)?都?{_SAY_ZH}{_THING_ZH}[\s。？?吗呢]*"
    ),
    re.compile(
        rf"(?:请问|请)?{_THING_ZH}(?:都)?(?:在|被)(?:哪些|哪几[个份篇]|哪[个份篇]){_NOUN_ZH}(?:里面?|中)?(?:被)?{_SAY_ZH}[\s。？?吗呢]*"
    ),
    re.compile(
        rf"(?:please )?(?:which|what|(?:list|show me|find)(?: all)?)(?: of)?(?: the| my| our| these)? {_NOUN_EN}"
        rf"(?: that| which)? {_SAY_EN} {_THING_EN}[\s.?!]*",
        re.IGNORECASE,
    ),
    re.compile(rf"in (?:which|what) {_NOUN_EN} (?:is|are) {_THING_EN} mentioned[\s.?!]*", re.IGNORECASE),
)
_RUN = re.compile(rf"[{HAN}]+")


def thing_mentioned(question: str) -> str:
    """The thing of which a question asks what documents mention it; "" for any other question."""
    if len(question) > LONGEST:
        return ""
    plain = to_simplified(question).strip()
    found = next((match for pattern in _ASKED if (match := pattern.fullmatch(plain))), None)
    return found["thing"].strip(" “”\"'《》「」") if found is not None else ""


def mentions(
    thing: str, rows: Sequence[DocumentRow], library: Library, knowledge_base: str
) -> list[tuple[Document, Statement]]:
    """For each of the documents that says the thing literally, best first: a passage and the statement that does."""
    left = {row.id for row in rows}
    found: dict[int, tuple[Document, Statement]] = {}
    while left and len(found) < MOST:
        hits = [name for name, _ in library.keyword_search(knowledge_base, thing, _DEPTH, within=left)]
        before = len(found)
        for passage in library.passages(knowledge_base, hits):
            document = int(passage.metadata[DOCUMENT_ID])
            saying = [one for one in statements(passage) if _says(one.text, thing)] if document not in found else []
            if saying and document in left:
                found[document] = (passage, min(saying, key=lambda one: is_heading(passage, one)))
        if len(hits) < _DEPTH or len(found) == before:
            break
        left -= found.keys()  # all hits may be of one long document
    return list(found.values())[:MOST]


def _says(text: str, thing: str) -> bool:
    """Whether a text holds the words of a thing: Chinese as they are written, others in any form and order."""
    plain, said = fold(text), fold(thing)
    others = set(terms(_RUN.sub(" ", said)))
    runs = _RUN.findall(said)
    return bool(runs or others) and all(run in plain for run in runs) and others <= set(terms(text))
