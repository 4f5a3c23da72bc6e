"""A question that asks for several things is answered part by part, and says which part has no evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from library_parts import KB, ingest, opened
from scripted_llm import ScriptedLLM

from minicpm_rag.answering import AnswerChain, build_chain
from minicpm_rag.answering.parts import parts
from minicpm_rag.records import EVIDENCE, Answer, DocumentRow, Question, Retrieval, Scope, Text
from minicpm_rag.retrieval import HybridRetriever

TITLES = ("harbor合同.txt", "meridian合同.txt", "lease_alpha.txt", "lease_beta.txt", "project_tidal.md", "晨曦项目.md")
ROWS = [
    DocumentRow(number, KB, title, title, "ready", "", 0, 1, 1, 1, "", None, None, "")
    for number, title in enumerate(TITLES)
]


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Who leads Tidal and what is its budget?", ["Who leads Tidal?", "What is Tidal's budget?"]),
        ("When did Volta die and where was he born?", ["When did Volta die?", "Where was Volta born?"]),
        (
            "What is the deposit, and who is the director of sales?",
            ["What is the deposit?", "Who is the director of sales?"],
        ),
        (
            "Who will repair the organ and what does it cost?",
            ["Who will repair the organ?", "What does the organ cost?"],
        ),
        (
            "Which firm cleans the big windows and when is its next visit?",
            ["Which firm cleans the big windows?", "When is the big windows's next visit?"],
        ),
        ("晨曦项目的负责人是谁，预算是多少？", ["晨曦项目的负责人是谁？", "晨曦项目的预算是多少？"]),
        ("逾期付款的违约金比例是多少，押金是多少？", ["逾期付款的违约金比例是多少？", "押金是多少？"]),
        ("年假有几天？病假需要什么手续？", ["年假有几天？", "病假需要什么手续？"]),
        ("二月有几笔开支，合计多少？", ["二月有几笔开支？", "二月开支合计多少？"]),
        ("年假有几天，病假呢？", ["年假有几天？", "病假有几天？"]),
        ("报销需要哪些材料，交给谁？", ["报销需要哪些材料？", "报销需要材料，交给谁？"]),
        (
            "晨曦项目里病假工资怎么发？报销期限是多少？",
            ["晨曦项目里病假工资怎么发？", "晨曦项目里报销期限是多少？"],
        ),
        # Of one thing is asked
        ("Who leads Tidal?", []),
        ("What about its weight (battery of the AirLeaf 200 last, and how do I charge it)?", []),  # after a follow-up
        ("它多重（AirLeaf 的电池能用多久，怎么充电）？", []),
        ("What is the difference between a lease and a contract?", []),
        ("What happens when the filter is old and the fan is loud?", []),
        ("Who wrote and directed the play?", []),
        ("What are the roles of iron and zinc in the body?", []),
        ("北京和上海的人口是多少？", []),
        ("如果滤网脏了，应该怎么办？", []),
        ("合同什么时候到期？", []),
    ],
)
def test_questions_in_one_sentence_are_parted_and_completed(question: str, asked: list[str]) -> None:
    assert [part.question for part in parts(question, ROWS)] == asked


@pytest.mark.parametrize(
    ("question", "aspects", "names"),
    [
        (
            "Compare the rent and the payment terms of lease_alpha and lease_beta",
            ["rent", "payment terms"],
            ["lease_alpha", "lease_beta"],
        ),
        (
            "Compare lease_alpha and lease_beta on rent and deposit",
            ["rent", "deposit"],
            ["lease_alpha", "lease_beta"],
        ),
        ("比较harbor合同和meridian合同的保修和付款方式", ["保修", "付款方式"], ["harbor合同", "meridian合同"]),
        ("harbor和meridian合同在租金、保修方面有什么区别？", ["租金", "保修"], ["harbor合同", "meridian合同"]),
        ("harbor合同和meridian合同的保修期分别是多久？", ["保修期"], ["harbor合同", "meridian合同"]),
        ("Compare the budgets of Tidal and Gale", ["budgets"], ["project_tidal", "gale"]),
    ],
)
def test_each_aspect_of_each_document_is_a_part(question: str, aspects: list[str], names: list[str]) -> None:
    found = parts(question, ROWS)
    assert [(part.aspect, part.name) for part in found] == [(aspect, name) for aspect in aspects for name in names]
    for part in found:
        assert [row.title.rpartition(".")[0] for row in part.documents] == [part.name] * (part.name != "gale")


class Shelf(BaseRetriever):
    """Finds the passage that holds a word of the question; its evidence is certain, that of no passage is none."""

    passages: dict[str, str]

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [
            Document(page_content=said, metadata={EVIDENCE: 1.0, "title": f"{word}.txt"})
            for word, said in self.passages.items()
            if word in query
        ]


SHELF = Shelf(passages={"leads": "Nora Whitfield leads Tidal.", "budget": "The budget of Tidal is 1.2 million euros."})


def last_of(chain: AnswerChain, question: str) -> Answer:
    events = list(chain.stream(Question(question)))
    last = events[-1]
    assert isinstance(last, Answer) and sum(isinstance(event, Retrieval) for event in events) == 1
    assert "".join(event.text for event in events if isinstance(event, Text)) == last.text
    for citation in last.citations:
        assert citation.quote in last.documents[citation.number - 1].page_content
        assert citation.quote in last.text[citation.sentence_start : citation.sentence_end]
    return last


def test_each_part_is_quoted_from_its_own_search() -> None:
    answer = last_of(build_chain(retriever=SHELF), "Who leads Tidal and what is its budget?")
    assert [citation.quote for citation in answer.citations] == list(SHELF.passages.values())
    assert answer.text.index("**What is Tidal's budget?**") > answer.text.index("Nora Whitfield")


def test_the_part_without_evidence_is_named() -> None:
    answer = last_of(build_chain(retriever=SHELF), "Who leads Tidal and when does it end?")
    assert answer.text.endswith("**When does Tidal end?**\n\nThe documents hold no evidence for this.")


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("报销需要哪些材料，交给谁？", ["报销需要哪些材料？", "交给谁？"]),
        ("雨棚由谁安装，花多少钱？", ["雨棚由谁安装？", "花多少钱？"]),
        ("晨曦项目的负责人是谁，预算是多少？", ["晨曦项目的负责人是谁？", "晨曦项目的预算是多少？"]),
    ],
)
def test_people_see_no_words_that_only_the_search_needs(question: str, shown: list[str]) -> None:
    assert [part.shown for part in parts(question, ROWS)] == shown


CARRIED = "Every cyclist has ten helmets. Helmets that are left over are carried into June."
CARRIED_ZH = "会员每年有六张通票。没用完的通票可以留到次年五月。"


@pytest.mark.parametrize(
    ("question", "passage", "heads"),
    [
        (
            "Who chairs the jury and when did the jury meet?",
            "Ola Brenn chairs the jury, which met on 3 May.",
            "**Who chairs the jury? When did the jury meet?**",
        ),
        (
            "评审组由谁主持，评审组什么时候开会？",
            "评审组由欧阳澈主持，五月三日开会。",
            "**评审组由谁主持？评审组什么时候开会？**",
        ),
    ],
)
def test_what_answers_two_parts_is_quoted_once_under_both(question: str, passage: str, heads: str) -> None:
    answer = last_of(build_chain(retriever=Shelf(passages={"jury": passage, "评审": passage})), question)
    assert answer.text == f"{heads}\n\n{passage}[1]"


@pytest.mark.parametrize(
    ("question", "passage", "key"),
    [
        ("How many helmets has every cyclist, and when are the helmets left over carried?", CARRIED, "helmets"),
        ("会员每年有几张通票，没用完的通票留到什么时候？", CARRIED_ZH, "通票"),
    ],
)
def test_no_sentence_is_quoted_twice(question: str, passage: str, key: str) -> None:
    answer = last_of(build_chain(retriever=Shelf(passages={key: passage})), question)
    assert answer.text.count("**") == 4
    assert sorted(one.quote_start for one in answer.citations) == sorted({one.quote_start for one in answer.citations})
    assert "".join(one.quote for one in answer.citations).replace(" ", "") == passage.replace(" ", "")


@pytest.mark.parametrize(
    ("question", "passage", "key"),
    [
        (
            "How much is a helmet and how much cheaper is a cap than a helmet?",
            "A helmet costs 40 euros. A cap costs 15 euros.",
            "helmet",
        ),
        ("头盔多少钱，帽子比头盔便宜多少？", "头盔每顶40元。帽子每顶15元。", "头盔"),
    ],
)
def test_a_part_that_compares_keeps_both_its_sides(question: str, passage: str, key: str) -> None:
    answer = build_chain(retriever=Shelf(passages={key: passage})).invoke(question)
    assert "**25" in answer.text, answer.text


def test_a_model_answers_the_whole_and_the_part_without_evidence_is_named_below() -> None:
    llm = ScriptedLLM(answers=["Nora Whitfield leads Tidal."])
    answer = last_of(build_chain(retriever=SHELF, llm=llm), "Who leads Tidal and when does it end?")
    assert answer.text.startswith("Nora Whitfield leads Tidal.[1]")
    assert answer.text.endswith("The documents hold no evidence for these parts: When does Tidal end?")


def test_where_no_part_has_evidence_the_question_is_refused_as_any_other() -> None:
    chain = build_chain(retriever=SHELF)
    assert chain.invoke("Who owns Tidal and when does it end?").mode == "refused"


class Watched(HybridRetriever):
    """Counts its searches."""

    seen: list[tuple[str, Any]] = []  # noqa: RUF012 - a field of pydantic's

    def retrieve(self, question: str, limit: int | None = None, **more: Any) -> Retrieval:
        self.seen.append((question, more.get("filter")))
        return super().retrieve(question, limit, **more)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder: Path = tmp_path_factory.mktemp("parts")
    contents = {
        "lease_alpha.txt": "The rent is 4,200 euros per month.\nThe deposit is three months of rent.",
        "lease_beta.txt": "The rent is 3,650 euros per month.\nThe deposit is two months of rent.",
        "other.txt": "Bees live in hives.",
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    with opened(folder / "home") as library:
        ingest(library, *(folder / name for name in contents))
        yield Watched(library=library, embedder=library.embedder, knowledge_base=KB)


def test_each_part_is_searched_in_its_own_document(watched: Watched) -> None:
    watched.seen.clear()
    answer = last_of(build_chain(retriever=watched), "Compare the rent and the deposit of lease_alpha and lease_beta")
    ids = {row.title: row.id for row in watched.library.documents(KB)}
    scopes = [Scope(documents=(ids[name],)) for name in ("lease_alpha.txt", "lease_beta.txt")]
    assert watched.seen == [
        (question, scope) for question in ("What is the rent?", "What is the deposit?") for scope in scopes
    ]
    rows = [line.split(" | ") for line in answer.text.splitlines()]
    assert [row[0] for row in rows[2:]] == ["| rent", "| deposit"]
    assert "4,200" in rows[2][1] and "3,650" in rows[2][2]


def test_a_simple_question_is_searched_once(watched: Watched) -> None:
    watched.seen.clear()
    build_chain(retriever=watched).invoke("How many months of rent is the deposit?")
    assert [scope for _, scope in watched.seen] == [None]


def test_a_model_that_names_one_of_two_documents_is_told_what_the_other_says(watched: Watched) -> None:
    llm = ScriptedLLM(answers=["The deposit is three months of rent."])
    answer = build_chain(retriever=watched, llm=llm).invoke(Question("What is the deposit?", answer_anyway=True))
    assert answer.text.startswith("The deposit is three months of rent.[")
    below = answer.text.partition("Other documents say:")[2]
    assert "lease_beta.txt: The deposit is two months of rent." in below and "lease_alpha" not in below
