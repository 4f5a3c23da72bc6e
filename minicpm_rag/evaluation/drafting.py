"""Let a model draft questions with known answers from a user's own documents.

Many questions of a 2B model are poor. So the answer must be copied from the passage word for word, and the question
must share content words with the passage; others are thrown away. The user should still read the rest.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from minicpm_rag import records
from minicpm_rag.evaluation.question_sets import ReferenceQuestion
from minicpm_rag.text.questions import content_terms, language_of
from minicpm_rag.text.terms import fold

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.language_models import BaseLanguageModel

    from minicpm_rag.library import Library

_PROMPT = {
    "zh": "阅读下面的段落，提出一个只有读了它才能回答的问题，再从段落中原样抄出简短的答案。"
    "只写两行，以“问题：”和“答案：”开头。\n\n段落（{title}）：{text}",
    "en": "Read the passage, ask one question that only its reader can answer, and copy the short answer word for "
    'word from the passage. Write two lines only, beginning with "Question:" and "Answer:".\n\n'
    "Passage ({title}): {text}",
}
_QUESTION = re.compile(r"^\W*(?:问题|question)\s*[:：]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_ANSWER = re.compile(r"^\W*(?:答案|answer)\s*[:：]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_OUTER = "\"'“”‘’「」『』`*。. \t"
_SHORTEST_PASSAGE = 60  # characters
_LONGEST_QUESTION = 120
_LONGEST_ANSWER = 80
_TRIES = 4  # passages shown for each question wanted


def draft_questions(
    llm: BaseLanguageModel[Any], library: Library, knowledge_base: str, count: int, *, seed: int = 0
) -> Iterator[ReferenceQuestion | None]:
    """Show the model one passage after another; yield what it drafts, None where that cannot be used.

    Ends after `count` good ones, or when four times as many passages were shown. The model's errors come
    through unchanged.
    """
    from langchain_core.messages import HumanMessage

    from minicpm_rag.llm.streams import stream_text

    good = 0
    for passage in _passages(library, knowledge_base, count * _TRIES, seed):
        text, title = passage.page_content, passage.metadata[records.TITLE]
        prompt = _PROMPT[language_of(text)].format(title=title, text=text)
        pieces = stream_text(llm, [HumanMessage(prompt)], cancel=threading.Event())
        question = drafted("".join(piece for piece in pieces if isinstance(piece, str)), passage)
        good += question is not None
        yield question
        if good == count:
            return


def drafted(written: str, passage: Document) -> ReferenceQuestion | None:
    """Make a question of what the model wrote about a passage, or None where it cannot be used."""
    asked, answered = _QUESTION.search(written), _ANSWER.search(written)
    if asked is None or answered is None:
        return None
    question, answer = asked[1].strip(), answered[1].strip(_OUTER)
    text = fold(passage.page_content)
    sizes_fit = 0 < len(answer) <= _LONGEST_ANSWER and len(question) <= _LONGEST_QUESTION
    speaks_of_it = bool(set(content_terms(question)) & set(content_terms(passage.page_content)))
    if not sizes_fit or not speaks_of_it or fold(answer) not in text or fold(answer) in fold(question):
        return None
    return ReferenceQuestion(question, passage.metadata[records.TITLE], (passage.metadata[records.PAGE],), (answer,))


def as_line(question: ReferenceQuestion) -> str:
    """The question as a line that `question_sets.load_questions` reads."""
    entry = {"question": question.text, "file": question.document, "pages": question.pages, "answers": question.answers}
    return json.dumps(entry, ensure_ascii=False)


def _passages(library: Library, knowledge_base: str, count: int, seed: int) -> list[Document]:
    """Passages long enough to ask about, from anywhere in the knowledge base."""
    ready = library.ready_documents(knowledge_base)
    chunks = [chunk for row in ready for chunk in library.chunk_ids(row.id)]
    random.Random(seed).shuffle(chunks)
    passages = library.passages(knowledge_base, chunks[: 2 * count])
    return [passage for passage in passages if len(passage.page_content) >= _SHORTEST_PASSAGE][:count]
