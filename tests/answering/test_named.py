"""A document that a question names in passing is where the answer is looked for first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from library_parts import KB, ingest, opened

from minicpm_rag.answering import AnswerChain, build_chain
from minicpm_rag.answering.named import named, without_names
from minicpm_rag.library import Library
from minicpm_rag.records import Answer, DocumentRow, Question
from minicpm_rag.retrieval import HybridRetriever

TITLES = (
    "harbor合同.txt", "meridian合同.txt", "lease_alpha.txt", "lease_beta.txt", "project_tidal.md", "晨曦项目.md",
    "订单.csv", "员工手册.pdf", "会议纪要_2026年3月.md", "supplier_agreement.md", "harbor_report_v2.pdf", "Oxygen.txt",
    "notes.txt",
)  # fmt: skip


def row(number: int, title: str) -> DocumentRow:
    return DocumentRow(number, KB, f"/{title}", title, "ready", "", 0, 1, 1, 1, "", None, None, "")


ROWS = [row(number, title) for number, title in enumerate(TITLES)]


@pytest.mark.parametrize(
    ("question", "titles"),
    [
        ("harbor合同什么时候到期", ["harbor合同.txt"]),
        ("When does the Harbor contract end?", ["harbor合同.txt"]),
        ("What does the Harbor report say of noise?", ["harbor_report_v2.pdf"]),
        ("What is the deposit of lease_alpha?", ["lease_alpha.txt"]),
        ("What is the deposit in lease alpha?", ["lease_alpha.txt"]),
        ("harbor和meridian合同的保修期", ["harbor合同.txt", "meridian合同.txt"]),
        ("Who leads the Tidal project?", ["project_tidal.md"]),
        ("晨曦项目的负责人是谁？", ["晨曦项目.md"]),
        ("员工手册里年假有几天？", ["员工手册.pdf"]),
        ("三月的会议纪要是谁写的？", ["会议纪要_2026年3月.md"]),
        ("When does the supplier agreement end?", ["supplier_agreement.md"]),
        # No document is named
        ("订单有多少？", []),
        ("合同什么时候到期？", []),
        ("What is oxygen?", []),
        ("Who takes notes?", []),
        ("Who leads the project?", []),
        ("Is the harbormaster told?", []),
        ("哪个合同比harbor合同贵？", []),
    ],
)
def test_a_document_is_named_by_its_title_not_by_a_common_word(question: str, titles: list[str]) -> None:
    assert [found.title for found in named(question, ROWS)] == titles


def test_what_is_left_without_the_names_is_what_is_asked() -> None:
    assert without_names("Harbor合同的保修期", ROWS[:1]).split() == ["的保修期"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("named")
    contents = {
        "harbor合同.txt": "港湾物流租用叉车六台。本合同至2027年6月30日到期。",
        "meridian合同.txt": "子午线仓储租用叉车四台。本合同至2026年9月30日到期。违约金为合同金额的百分之五。",
        "lease_alpha.txt": "The lease of Alpha Estates ends on 28 February 2028.",
        "lease_beta.txt": "The lease of Beta Property ends on 30 April 2027. Repairs are paid by the tenant.",
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    with opened(folder / "home") as library:
        ingest(library, *(folder / name for name in contents))
        yield library


def ask(library: Library, question: str) -> Answer:
    retriever = HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB)
    chain: AnswerChain = build_chain(retriever=retriever)
    return chain.invoke(Question(question, answer_anyway=True))


@pytest.mark.parametrize(
    ("question", "said", "not_said"),
    [
        ("harbor合同什么时候到期", "2027年6月30日", "2026年9月30日"),
        ("meridian合同什么时候到期", "2026年9月30日", "2027年6月30日"),
        ("When does lease_beta end?", "30 April 2027", "28 February 2028"),
        ("When does the alpha lease end?", "28 February 2028", "30 April 2027"),
    ],
)
def test_the_named_documents_answer_is_given_and_no_other_ones(
    library: Library, question: str, said: str, not_said: str
) -> None:
    text = ask(library, question).text
    assert said in text and not_said not in text


def test_without_a_name_each_document_that_answers_is_heard(library: Library) -> None:
    text = ask(library, "合同什么时候到期？").text
    assert "2027年6月30日" in text and "2026年9月30日" in text
