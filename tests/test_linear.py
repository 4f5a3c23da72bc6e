"""No text makes the program slow out of proportion: four times as much takes about four times as long.

Compared in processor time of this thread, so a loaded machine changes nothing; "about" is generous.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from langchain_core.documents import Document
from regular_expressions import slow_expressions

from minicpm_rag.answering.citations.proof import Proof
from minicpm_rag.answering.difference import difference
from minicpm_rag.answering.extractive import Excerpt, excerpts
from minicpm_rag.answering.followups import carry_over, stands_alone
from minicpm_rag.answering.small_talk import small_talk
from minicpm_rag.answering.whole.versions import versions
from minicpm_rag.chunking import ChunkSize, split_pages
from minicpm_rag.errors import DocumentError
from minicpm_rag.llm.thoughts import Thoughts
from minicpm_rag.loaders.encodings import decode
from minicpm_rag.loaders.html import write_html
from minicpm_rag.loaders.text import markdown_page
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.records import Page, Turn
from minicpm_rag.retrieval.fusion import readable_share
from minicpm_rag.text.amounts import amounts
from minicpm_rag.text.cells import split_unit, typed
from minicpm_rag.text.claims import denied, names
from minicpm_rag.text.comparisons import sides
from minicpm_rag.text.measures import is_bare_number, measures
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.questions import chinese_words, language_of
from minicpm_rag.text.ranges import fitting
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.simplified import to_simplified
from minicpm_rag.text.statements import statements
from minicpm_rag.text.terms import question_terms, terms

PARTS = (
    "text",
    "chunking",
    "retrieval",
    "library",
    "indexing",
    "embedding",
    "messages",
    "page/html",
)
pytestmark = pytest.mark.timeout(1800)  # they measure processor time, of which a loaded machine gives little


@pytest.mark.parametrize(
    ("part", "most"),
    [
        *((part, None) for part in PARTS if part != "text"),
        ("text", 40),
        pytest.param("text", None, marks=pytest.mark.slow),
    ],
)
def test_no_regular_expression_is_quadratic(part: str, most: int | None) -> None:
    """The patterns of `text` are of many words, with ten thousands of attacks: some of them, and all when slow.

    Those of `answering` and `loaders` have files of their own, because they take minutes.
    """
    assert slow_expressions(part, most) == {}


UNITS = (
    "a", "报", "不", ".", "。", " ", "\n", "\t", "\u3000", "A.", "a b ", "A-1 ", "1,", "1.1", "1. ", "- ", "第1",
    "一、", "|", "| a ", "| a | b |\n", "<", "<p>", "<a href=x>", "<b><i>", "<table><tr><td>", "<!--", "&amp;", "[1]",
    "[[1", "[", "(", "（", "“", '"', "'", "《", "《a》", "# a\n", "#", "```\n", "=\n", "--\n", "a\n\n", "1) a\n",
    "not ", "没有", "；a", "Mr. ", "U.S. ", "January 5 ", "百万", "亿", "1", "5% ",
    "\u200b", "\u0301", "😀", "a@b.c ", "{",
    '[{"a":1},', "*a* ", "Is it ", "什么是a？", "？！",
)  # fmt: skip
SHORT, LONG = 15_000, 60_000
PLENTY = 0.2  # seconds for the long one: what takes less needs no comparison


def passage(text: str) -> Document:
    return Document(page_content=text, metadata={"title": "t", "headings": "", "document_id": 1, "page": 1, "start": 0})


FACTS = [passage("The pump of Norrland has 12 bar. 泵的压力是12巴，出差结束后十五天内提交。" * 20)]
QUESTION, CLAIM = "What is the pump's pressure? 泵的压力是多少？", "The pump of Norrland has 12 bar."


def chunked(page: Page) -> None:
    class HalfTokens:
        limit_tokens = 512

        def count_tokens(self, text: str) -> int:
            return len(text) // 2

    split_pages([page], "title", HalfTokens(), ChunkSize(350, 50))


def thought_of(text: str) -> None:
    thoughts = Thoughts(begins_inside=True)
    for start in range(0, len(text), 4):
        thoughts.add(text[start : start + 4])
        thoughts.told()
    thoughts.finish()


def difference_in(text: str) -> object:
    passages = [passage(f"a {text} 5元 b"), passage(f"a {text} 6元 b")]
    chosen = [Excerpt(number, one, 1.0) for number, each in enumerate(passages, 1) for one in statements(each)]
    return difference("How much cheaper is a than b?", chosen, passages)


WORK: dict[str, Callable[[str], object]] = {
    "sentences": sentence_spans,
    "terms": terms,
    "question terms": question_terms,
    "simplified": to_simplified,
    "language": language_of,
    "names": names,
    "numbers": numbers,
    "measures": measures,
    "bare numbers": is_bare_number,
    "denied": denied,
    "statements": lambda text: statements(passage(text)),
    "readable": lambda text: readable_share(text, {}),
    "decoded": lambda text: decode(text.encode("gb18030", "replace") + b"\xff"),
    "html": lambda text: write_html(text, PageWriter()),
    "markdown": markdown_page,
    "written": lambda text: PageWriter().paragraph(text),
    "chunks": lambda text: chunked(Page(1, text)),
    "chunks of markdown": lambda text: chunked(markdown_page(text)),
    "proof of a claim": lambda text: Proof(QUESTION, FACTS).of(text, frozenset()),
    "proof in a passage": lambda text: Proof(QUESTION, [passage(text)]).of(CLAIM, frozenset()),
    "proof of a question": lambda text: Proof(text, FACTS).of(CLAIM, frozenset()),
    "excerpts": lambda text: excerpts(QUESTION, [passage(text)]),
    "a column": lambda text: typed(text, [text, "1"]),
    "a header with a unit": lambda text: split_unit(f"价格 (单位: a/a {text}\x01"),
    "a difference": difference_in,
    "amounts": amounts,
    "two sides": lambda text: sides(f"how do the a and the {text}"),
    "small talk": lambda text: small_talk(f" 请问你{text}"),
    "a thought without an end": thought_of,
    "two versions": lambda text: versions(f"{text}有什么变化", []),
    "amounts in rows": lambda text: fitting(text, [("| a |", f"| {text} |")]),
    "a follow-up": lambda text: stands_alone(text, [Turn("q", "a")]),
    "a follow-up completed": lambda text: carry_over("那押金呢？", [Turn(text, "a")]),
    "words": chinese_words,
}


@pytest.mark.parametrize("name", WORK)
def test_no_text_takes_more_than_its_share_of_time(name: str) -> None:
    work = WORK[name]

    def taken(text: str) -> float:
        gc.disable()  # it goes through all objects of the test run
        begun = time.thread_time()
        with suppress(DocumentError):
            work(text)
        seconds_taken = time.thread_time() - begun
        gc.enable()
        return seconds_taken

    taken("to load what it needs 报销。")
    slow = {}
    for unit in UNITS:
        short, long = unit * (SHORT // len(unit)), unit * (LONG // len(unit))
        if (took := taken(long)) > PLENTY:
            slower = took / max(min(taken(short) for _ in range(3)), PLENTY / 10)
            if slower > 2.5 * LONG / SHORT and min(taken(long) for _ in range(2)) > PLENTY:
                slow[unit] = slower
    assert slow == {}
