"""Whole documents are summarized and compared with every sentence cited; small talk gets a helpful fixed answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_workspace import row
from library_parts import KB, ingest, opened
from scripted_llm import ScriptedLLM

from minicpm_rag.answering import AnswerChain, build_chain
from minicpm_rag.answering.small_talk import small_talk
from minicpm_rag.answering.whole.deadlines import is_deadline
from minicpm_rag.answering.whole.requests import requested
from minicpm_rag.library import Library
from minicpm_rag.records import Answer, DocumentRow, Question, Retrieval, Scope, Text, Turn
from minicpm_rag.retrieval import HybridRetriever

FIRST = """# Delivery
The supplier delivers within 10 days of the order. Delivery is free of charge above 500 euros.

# Payment
Invoices are paid within 30 days. Late payment costs 5 percent a year.

# Term
The contract runs for 12 months and renews itself unless it is terminated.
"""
SECOND = FIRST.replace("10 days", "14 days").replace("Late payment costs 5 percent a year.", "").replace("12 m", "24 m")
MINUTES = """# 决议
会议决定四月一日发布新产品。发布会在杭州举行，由李娜负责。

# 待办
王芳在三月底前完成测试报告。陈杰联系印刷厂。
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("whole")
    files = {"contract A.md": FIRST, "contract B.md": SECOND, "会议纪要.md": MINUTES}
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    with opened(folder / "home") as library:
        ingest(library, *(folder / name for name in files))
        yield library


def chain(library: Library, llm: Any = None) -> AnswerChain:
    return build_chain(
        retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB), llm=llm
    )


def ask(made: AnswerChain, question: str, **more: Any) -> Answer:
    events = list(made.stream(Question(question, **more)))
    last = events[-1]
    assert isinstance(last, Answer)
    assert "".join(event.text for event in events if isinstance(event, Text)) == last.text
    return last


def proven(answer: Answer, library: Library) -> list[str]:
    """The cited sentences, each quote checked against its page."""
    for citation in answer.citations:
        metadata = citation.document.metadata
        page = library.page_text(metadata["document_id"], metadata["page"])
        assert page[citation.quote_start : citation.quote_end] == citation.quote
        assert answer.documents[citation.number - 1] == citation.document
    return [answer.text[citation.sentence_start : citation.sentence_end] for citation in answer.citations]


def test_a_summary_without_a_model_quotes_each_section_in_order(library: Library) -> None:
    answer = ask(chain(library), "总结一下会议纪要")
    assert answer.mode == "extractive" and "没有使用模型" in answer.text
    assert answer.text.index("**决议**") < answer.text.index("**待办**")
    sentences = proven(answer, library)
    assert len(sentences) == 2 and "王芳" in "".join(sentences)


def test_a_document_without_sections_is_summarized_by_more_than_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "水泵.txt").write_text(
        "水泵的保修期为两年，电池除外。水泵的额定扬程是三十五米。首次启动前必须向水泵灌满清水。冬季停机后应排空积水。",
        encoding="utf-8",
    )
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "水泵.txt")
        answer = ask(chain(library), "总结一下水泵")
        assert len(proven(answer, library)) == 3


def test_a_summary_by_a_model_is_proven_section_by_section(library: Library) -> None:
    written = ["新产品在四月一日发布。", "王芳在三月底前完成测试报告。公司将搬到北京。"]
    answer = ask(chain(library, ScriptedLLM(answers=written)), "会议纪要的主要内容是什么")
    assert answer.mode == "model"
    assert "王芳在三月底前完成测试报告。" in proven(answer, library)
    assert "公司将搬到北京。" in [answer.text[start:end] for start, end in answer.unsupported]


def test_a_stopped_summary_says_so(library: Library) -> None:
    cancel = threading.Event()
    cancel.set()
    assert ask(chain(library), "总结一下会议纪要", cancel=cancel).mode == "stopped"


def test_a_comparison_shows_what_differs_first(library: Library) -> None:
    answer = ask(chain(library), "Compare contract A and contract B")
    lines = [line for line in answer.text.splitlines() if line.startswith("| ")][2:]
    assert [line.count("—") for line in lines] == [0, 0, 1]  # other numbers, then what only one has
    assert "10 days" in lines[0] and "14 days" in lines[0] and "2 alike" in answer.text
    assert len(proven(answer, library)) == 5


def test_without_headings_the_rows_of_a_comparison_are_named_by_what_they_share(tmp_path: Path) -> None:
    lines = [
        "甲方：港湾物流有限公司。",
        "租金按季度支付，每季度首月十日前付清。",
        "任何一方解除合同，须提前六十天书面通知对方。",
    ]
    others = [
        lines[0].replace("港湾物流", "子午线仓储"),
        lines[1].replace("十日", "五日"),
        lines[2].replace("六", "三"),
    ]
    with opened(tmp_path / "home") as library:
        for name, content in (("甲合同.txt", lines), ("乙合同.txt", others)):
            (tmp_path / name).write_text("\n".join(content), encoding="utf-8")
            ingest(library, tmp_path / name)
        answer = ask(chain(library), "比较甲合同和乙合同")
        rows = [line.split(" | ") for line in answer.text.splitlines() if line.startswith("| ")][2:]
        assert len(rows) == 3 and len(proven(answer, library)) == 6
    subjects = {row[0].strip("| ") for row in rows}
    assert "甲方" in subjects and any("租金" in subject for subject in subjects) and "" not in subjects


def test_documents_of_different_kinds_are_told_apart_in_a_sentence_and_not_in_a_table(tmp_path: Path) -> None:
    nda = [
        "# Non-disclosure agreement: Halden and Orrin.",
        "The recipient keeps confidential information secret for three years.",
        "Confidential information includes drawings, prices and customer lists.",
        "The recipient returns all confidential information on request.",
    ]
    postmortem = [
        "# Postmortem: the outage of 3 May.",
        "The cache servers lost their connection and the website was down for two hours.",
        "* An engineer restarted the cache servers at noon.",
        "The website now warns when cache servers are slow.",
    ]
    with opened(tmp_path / "home") as library:
        for name, lines in (("NDA.md", nda), ("postmortem.md", postmortem)):
            (tmp_path / name).write_text("\n\n".join(lines), encoding="utf-8")
            ingest(library, tmp_path / name)
        answer = ask(chain(library), "Compare the NDA and the postmortem")
        assert "different kinds" in answer.text and "|" not in answer.text
        said = proven(answer, library)
    assert len(said) == 2 and "confidential information" in said[0] and "cache servers" in said[1]


def test_documents_of_one_kind_are_set_side_by_side_though_they_share_nothing(tmp_path: Path) -> None:
    said = {
        "minutes March.md": "The board approved the budget of the warehouse.",
        "minutes April.md": "Anna reported on hiring two new engineers.",
    }
    with opened(tmp_path / "home") as library:
        for name, content in said.items():
            (tmp_path / name).write_text(content, encoding="utf-8")
            ingest(library, tmp_path / name)
        answer = ask(chain(library), "Compare minutes March and minutes April")
    assert "different kinds" not in answer.text and "| minutes March.md |" in answer.text


def test_signs_of_markdown_are_no_content_and_a_heading_of_one_side_is_no_subject_of_both(tmp_path: Path) -> None:
    term = "\n\n## 期限\n\n"
    first = f"# 合同：甲。\n\n## 价格\n\n* 设备的总价格为 300 元，含税和运费。{term}合同的期限为两年，到期续签。\n"
    second = f"# 合同：乙。\n\n## 违约责任\n\n设备的总价格为 500 元，含税和运费。{term}*合同的期限为三年，到期续签。*\n"
    with opened(tmp_path / "home") as library:
        for name, content in (("甲合同.md", first), ("乙合同.md", second)):
            (tmp_path / name).write_text(content, encoding="utf-8")
            ingest(library, tmp_path / name)
        answer = ask(chain(library), "比较甲合同和乙合同")
        assert len(proven(answer, library)) == 4
    lines = [line for line in answer.text.splitlines() if line.startswith("| ")][2:]
    assert "#" not in answer.text and "*" not in answer.text and "违约责任" not in answer.text
    assert [line.split(" | ")[0] for line in lines][1] == "| 期限"


def rows(*titles: str) -> list[DocumentRow]:
    return [row(number, title) for number, title in enumerate(titles)]


@pytest.mark.parametrize(
    "question",
    [
        "比较员工手册和租赁合同",
        "员工手册与望京办公室租赁合同有什么区别？",
        "Compare 员工手册.pdf and 望京办公室租赁合同.docx",
        "what is the difference between 员工手册 and the 租赁合同?",
    ],
)
def test_documents_that_are_compared_may_be_named_by_the_end_of_their_titles(question: str) -> None:
    held = rows("员工手册.pdf", "望京办公室租赁合同.docx", "MSA Halden signed (v2).docx")
    found = requested(question, held, is_held=False)
    assert found is not None and found.kind == "comparison"
    assert [one.title for one in found.documents] == ["员工手册.pdf", "望京办公室租赁合同.docx"]


@pytest.mark.parametrize(
    ("question", "kind", "titles"),
    [
        ("Compare the MSA and the lease", "comparison", ["MSA Halden signed (v2).docx", "望京办公室租赁合同.docx"]),
        ("summarize minutes", "summary", ["minutes-2025-04-11.md"]),
        ("Summarize the handbook", "summary", ["员工手册.pdf"]),
        ("Summarize the release", "summary", ["release_notes.txt"]),
    ],
)
def test_a_document_may_be_called_by_a_word_of_its_title_in_either_language(
    question: str, kind: str, titles: list[str]
) -> None:
    held = rows(
        "员工手册.pdf",
        "望京办公室租赁合同.docx",
        "MSA Halden signed (v2).docx",
        "minutes-2025-04-11.md",
        "release_notes.txt",
    )
    found = requested(question, held, is_held=False)
    assert found is not None and found.kind == kind
    assert [one.title for one in found.documents] == titles


def test_a_title_with_a_version_in_brackets_is_compared_whole() -> None:
    held = rows("员工手册.pdf", "望京办公室租赁合同.docx", "MSA Halden signed (v2).docx")
    found = requested("Compare MSA Halden signed (v2).docx and 望京办公室租赁合同.docx", held, is_held=False)
    assert found is not None and [one.id for one in found.documents] == [2, 1]


def test_a_comparison_of_something_in_two_documents_is_none_of_the_whole_ones(library: Library) -> None:
    answer = ask(chain(library), "Compare the delivery of contract A and contract B", answer_anyway=True)
    assert "alike" not in answer.text


@pytest.mark.parametrize(
    ("before", "question", "searched", "said", "not_said"),
    [
        ("Summarize contract B", "How long does it run?", "How long does contract B run?", "24 months", "12 months"),
        ("Summarize contract B", "For how long?", "For how long?", "24 months", "12 months"),
        ("Summarize contract B", "When are invoices paid?", "When are invoices paid?", "30 days", ""),
        ("Summarize contract B", "What about contract A?", "Summarize contract A", "**Term**", "24 months"),
        ("总结一下会议纪要", "谁负责？", "谁负责？", "李娜", ""),
        ("总结一下会议纪要", "它由谁负责？", "会议纪要由谁负责？", "李娜", ""),
        ("你好", "How long does the contract run?", "How long does the contract run?", "months", ""),
    ],
)
def test_what_follows_a_summary_is_about_its_document_only_where_it_says_nothing_else(
    library: Library, before: str, question: str, searched: str, said: str, not_said: str
) -> None:
    answer = ask(chain(library), question, history=[Turn(before, "…")], answer_anyway=True)
    assert answer.standalone_question.rstrip() == searched
    assert said in answer.text and not (not_said and not_said in answer.text)


def test_a_question_that_the_summarized_document_does_not_answer_is_asked_of_all(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = (row for row in library.documents(KB) if row.title == "contract B.md")
    scopes: list[Scope | None] = []
    made = chain(library)
    retrieve = HybridRetriever.retrieve

    def watched(retriever: HybridRetriever, question: str, **options: Any) -> Retrieval:
        scopes.append(options["filter"])
        return retrieve(retriever, question, **options)

    monkeypatch.setattr(HybridRetriever, "retrieve", watched)
    list(made.stream(Question("Where is the launch?", history=[Turn("Summarize contract B", "…")])))
    list(made.stream(Question("Where is the product launch?", history=[Turn("Summarize contract B", "…")])))
    assert scopes == [Scope(documents=(row.id,)), None, None]


def test_the_scope_says_which_documents_are_meant(library: Library) -> None:
    scope = library.scope(KB, ["会议纪要"])
    assert "**决议**" in ask(chain(library), "总结一下这份文档", scope=scope).text
    scope = library.scope(KB, ["contract A", "contract B"])
    assert "| Delivery |" in ask(chain(library), "compare these two documents", scope=scope).text


def test_where_several_may_be_meant_it_is_asked_which(library: Library) -> None:
    answer = ask(chain(library), "总结一下这份合同")
    assert answer.mode == "fixed" and "- contract A.md\n- contract B.md" in answer.text


@pytest.mark.parametrize(
    "question",
    ["总结一下报销流程", "What is the delivery time?", "比较华东和华北的销售额", "what is the contract about?"],
)
def test_a_question_about_something_in_the_documents_is_no_request_for_a_whole_one(
    library: Library, question: str
) -> None:
    assert "by sections" not in ask(chain(library), question).text


@pytest.mark.parametrize(
    ("question", "titles"),
    [
        ("list all deadlines", ["contract A.md", "contract B.md", "会议纪要.md"]),
        ("What are the deadlines in contract B?", ["contract B.md"]),
        ("列出所有截止日期", ["contract A.md", "contract B.md", "会议纪要.md"]),
        ("会议纪要里有哪些截止日期？", ["会议纪要.md"]),
    ],
)
def test_deadlines_are_listed_under_each_document(library: Library, question: str, titles: list[str]) -> None:
    answer = ask(chain(library), question)
    assert [line.strip("*") for line in answer.text.splitlines() if line.startswith("**")] == titles
    sentences = proven(answer, library)
    assert all(is_deadline(sentence) for sentence in sentences)
    assert any("三月底前" in one if "会议纪要.md" in titles else "14 days" in one for one in sentences)
    assert not any("杭州" in one or "free of charge" in one for one in sentences)


@pytest.mark.parametrize("question", ["What is the deadline for expenses?", "报销的截止日期是哪天？"])
def test_one_deadline_is_a_question_like_any_other(library: Library, question: str) -> None:
    assert "set a deadline" not in (text := ask(chain(library), question).text) and "写明期限" not in text


@pytest.mark.parametrize(
    ("name", "content", "question", "due"),
    [
        (
            "tasks.md",
            "# Action items\n\n| Task | Owner | Due |\n| --- | --- | --- |\n"
            "| Write the report | Ann | 2026-05-04 |\n| Call the printer | Bo | May 6 |\n| Rest | Cy | open |\n",
            "What deadlines are there?",
            ["Write the report", "Call the printer"],
        ),
        (
            "合同台账.csv",
            "合同,金额,到期日期\n租赁合同,5000,2026/6/30\n供货合同,300,2026年7月1日\n口头约定,100,\n",
            "有哪些截止日期？",
            ["租赁合同", "供货合同"],
        ),
    ],
)
def test_a_day_in_a_column_of_due_dates_is_a_deadline(
    tmp_path: Path, name: str, content: str, question: str, due: list[str]
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / name)
        said = proven(answer := ask(chain(library), question), library)
    assert len(said) == len(due) and all(one in answer.text for one in due)


@pytest.mark.parametrize(
    ("sentence", "is_one"),
    [
        ("Invoices are due within 45 days.", True),
        ("The tenant may terminate with six months of notice.", True),
        ("Hand in the form by Friday noon.", True),
        ("The report was written by Anna Berg.", False),
        ("The desk is 120 cm wide.", False),
        ("报销单应在出差结束后十五天内提交。", True),
        ("本合同至2027年6月30日到期。", True),
        ("公司成立于2011年。", False),
        ("他提前离开了会场。", False),
        ("The model predicts which subscribers leave within 30 days.", False),
        ("The predictions are due within 30 days.", True),
        ("How many users came back within a week, that is within 7 days?", False),
        ("该模型预测哪些用户会在30天内流失。", False),
    ],
)
def test_a_deadline_names_a_time_and_that_something_is_due(sentence: str, is_one: bool) -> None:
    assert is_deadline(sentence) is is_one


@pytest.mark.parametrize(
    ("question", "titles"),
    [
        ("Which documents mention late payment?", ["contract A.md"]),
        ("list all documents that mention invoices", ["contract A.md", "contract B.md"]),
        ("哪些文档提到了印刷厂？", ["会议纪要.md"]),
        ("哪些文件中提到王芳", ["会议纪要.md"]),
        ("王芳在哪些文档中被提到？", ["会议纪要.md"]),
    ],
)
def test_the_documents_that_mention_a_thing_are_listed_with_the_line_that_does(
    library: Library, question: str, titles: list[str]
) -> None:
    answer = ask(chain(library), question)
    lines = [line for line in answer.text.splitlines() if line.startswith("- **")]
    assert sorted(line.split("**")[1] for line in lines) == titles and len(proven(answer, library)) == len(titles)


@pytest.mark.parametrize("question", ["Which documents mention zeppelins?", "Which documents do I need to sign?"])
def test_what_no_document_mentions_is_searched_for_like_any_other_question(library: Library, question: str) -> None:
    assert ask(chain(library), question).mode == "refused"


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("你好", "greeting"), ("Hello!", "greeting"), ("谢谢你！", "thanks"), ("Thank you very much.", "thanks"),
        ("再见", "goodbye"), ("你能做什么？", "ability"), ("What can you do?", "ability"),
        ("有哪些文档？", "documents"),
        ("知识库里有什么资料", "documents"), ("Which documents are there?", "documents"),
        ("list all documents", "documents"),
        ("你好，保修期多久？", None), ("谢谢惠顾是什么意思", None), ("What can you do about noise?", None),
        ("哪些文档需要签字", None), ("help desk opening hours", None), ("报销需要哪些文件", None),
    ],
)  # fmt: skip
def test_small_talk_is_told_from_questions(typed: str, kind: str | None) -> None:
    assert small_talk(typed) == kind


def test_small_talk_is_answered_in_the_users_language(library: Library) -> None:
    assert "注明出处" in ask(chain(library), "你好").text
    documents = ask(chain(library), "Which documents are there?")
    assert documents.mode == "fixed" and documents.text.startswith("There are 3 documents:\n- contract A.md")


def test_what_stands_behind_an_at_mark_holds_the_question(library: Library) -> None:
    library.change_tags([row.id for row in library.documents(KB) if row.title == "contract B.md"], add=["2026"])
    for question in (
        "@contract B.md How long does the contract run?",
        "@“contract B.md” How long does the contract run?",
        "How long does the contract run? @2026",
    ):
        answer = ask(chain(library), question)
        assert "24 months" in answer.text and "12 months" not in answer.text
        assert answer.standalone_question.rstrip() == "How long does the contract run?"
    assert "**Delivery**" in ask(chain(library), "@contract A.md summarize this document").text
    assert ask(chain(library), "Who reads mail at bob@2026?").standalone_question == "Who reads mail at bob@2026?"
