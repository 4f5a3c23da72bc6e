"""An agent over a real library, with a model whose steps are written beforehand, and with a server's model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_parts import workspace_over
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from model_server import event, model_server, said

from minicpm_rag import agent
from minicpm_rag.cli import main
from minicpm_rag.errors import ModelError
from minicpm_rag.records import Answer, Question, Scope
from minicpm_rag.workspace import Workspace

QUESTION = "工龄满十年的员工年假有多少天？"


class Scripted(BaseChatModel):
    """Answers with the next message; a function of the messages so far makes it."""

    steps: list[Any]
    seen: list[list[BaseMessage]] = []  # noqa: RUF012 - a pydantic field

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.seen.append(messages)
        step = self.steps[min(len(self.seen), len(self.steps)) - 1]
        return ChatResult(generations=[ChatGeneration(message=step(messages) if callable(step) else step)])


def call(name: str, number: int = 1, **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"c{number}", "type": "tool_call"}])


@pytest.fixture(scope="module")
def workspace(knowledge_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with workspace_over(knowledge_home, tmp_path_factory.mktemp("agent")) as opened:
        yield opened


def ran(workspace: Workspace, *steps: Any, question: str = QUESTION) -> tuple[list[agent.ToolUse], Answer, Scripted]:
    model = Scripted(steps=list(steps), seen=[])
    *uses, answer = agent.run(workspace, "default", Question(question), model=model)
    assert isinstance(answer, Answer)
    return uses, answer, model  # type: ignore[return-value]


def test_it_searches_reads_and_answers_with_proven_quotes(workspace: Workspace) -> None:
    def read(messages: list[BaseMessage]) -> AIMessage:
        assert "满十年不满二十年的为十五天" in messages[-1].text
        number = int(messages[-1].text.split("(document ")[1].split(",")[0])
        return call("read_page", 2, document=number, page=3)

    uses, answer, _ = ran(
        workspace,
        call("search", query="年假 满十年"),
        read,
        AIMessage("满十年不满二十年的年假为十五天。公司还送一辆汽车。"),
    )
    assert [use.name for use in uses] == ["search", "read_page"]
    assert answer.mode == "model"
    cited = answer.citations[0]
    assert "十五天" in cited.quote
    page = workspace.library.page_text(cited.document.metadata["document_id"], cited.document.metadata["page"])
    assert page[cited.quote_start : cited.quote_end] == cited.quote
    assert [answer.text[start:end] for start, end in answer.unsupported] == ["公司还送一辆汽车。"]


def test_a_tool_that_finds_nothing_tells_the_model_instead_of_ending(workspace: Workspace) -> None:
    def told(messages: list[BaseMessage]) -> AIMessage:
        assert "999" in messages[-1].text
        return AIMessage("资料里没有。")

    uses, answer, _ = ran(workspace, call("read_page", document=999), told)
    assert (len(uses), answer.citations) == (1, [])


def test_what_no_table_answers_is_said_so(workspace: Workspace) -> None:
    def told(messages: list[BaseMessage]) -> AIMessage:
        return AIMessage(messages[-1].text)

    _, answer, _ = ran(workspace, call("compute", question="今天天气怎么样？"), told)
    assert "search instead" in answer.text


def test_the_tools_know_only_the_documents_that_the_question_is_held_to(workspace: Workspace) -> None:
    rows = {row.title: row.id for row in workspace.library.documents("default")}
    seen: list[str] = []

    def noted(*made: AIMessage) -> list[Any]:
        def note(messages: list[BaseMessage], step: AIMessage) -> AIMessage:
            seen.append(messages[-1].text)
            return step

        return [lambda messages, step=step: note(messages, step) for step in made]

    calls = noted(
        call("search", 1, query="年假 满十年"),
        call("read_page", 2, document=rows["员工手册.pdf"], page=3),
        call("read_page", 3, document=rows["售后服务政策.txt"]),
        AIMessage("没有。"),
    )
    ran(workspace, *calls, question=f"@售后服务政策.txt {QUESTION}")
    asked, searched, other, own = seen
    assert asked == QUESTION
    assert "售后服务政策" in searched and "员工手册" not in searched
    assert "售后服务政策" in own and "员工手册" not in other and str(rows["员工手册.pdf"]) in other


def test_computing_is_held_to_the_documents_too(workspace: Workspace) -> None:
    row = next(row for row in workspace.library.documents("default") if row.title == "complaints_2026_q1.csv")
    question = "What is the average days to close of AL-200P?"
    for tools in (
        agent.LibraryTools(workspace, "default"),
        agent.LibraryTools(workspace, "default", Scope(documents=(row.id,))),
    ):
        assert "rows" in tools.compute(question)
    other = next(row for row in workspace.library.documents("default") if row.title == "员工手册.pdf")
    assert "search instead" in agent.LibraryTools(workspace, "default", Scope(documents=(other.id,))).compute(question)


def test_a_model_that_never_answers_is_stopped(workspace: Workspace) -> None:
    with pytest.raises(ModelError, match="within 12 steps"):
        ran(workspace, lambda messages: call("search", len(messages), query="年假"))


def test_the_model_of_a_server_is_given_the_tools(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = json.dumps({"query": "年假 满十年"}, ensure_ascii=False)
    function = {"name": "search", "arguments": arguments}
    calling = [
        event(
            {"role": "assistant", "tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]}
        ),
        event({}, "tool_calls"),
    ]
    with model_server(answers=[calling, said("满十年不满二十年的年假为十五天。")]) as server:
        monkeypatch.setenv("MINICPM_RAG_HOME", str(workspace.settings.home))
        monkeypatch.setenv("MINICPM_RAG_LLM_URL", server.address)
        assert main(["ask", "--agent", "--in", "员工手册.pdf", QUESTION]) == 0
    shown = capsys.readouterr()
    assert "十五天。[1]" in shown.out
    assert "search" in shown.err and "年假" in shown.err
    names = [one["function"]["name"] for one in server.requests[0]["tools"]]
    assert names == ["search", "read_page", "compute"]


def test_without_a_model_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--agent", "What is this?"]) == 1
    assert "needs a model that calls tools" in capsys.readouterr().err
