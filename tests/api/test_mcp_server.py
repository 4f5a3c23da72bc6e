"""The MCP server, asked by the official package's own client: in memory, over stdio, over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("fastapi")

from api_parts import TOKEN, serving, workspace_over
from conftest import REPOSITORY
from mcp import Client, StdioServerParameters

from minicpm_rag.api.mcp_server import create_server, http_application
from minicpm_rag.indexing import follow, submit_ingest
from minicpm_rag.workspace import Workspace

QUESTION = "工龄满十年的员工年假有多少天？"


@pytest.fixture(scope="module")
def workspace(knowledge_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with workspace_over(knowledge_home, tmp_path_factory.mktemp("mcp")) as opened:
        yield opened


async def called(client: Client, name: str, **arguments: Any) -> Any:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result
    return result.structured_content


async def test_the_tools_say_what_they_do_and_only_read(workspace: Workspace) -> None:
    async with Client(create_server(workspace)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert {"search", "ask", "read_page", "list_documents", "summarize"} <= tools.keys()
    assert all(tool.description and tool.annotations and tool.annotations.read_only_hint for tool in tools.values())


async def test_what_is_found_is_literal_text_with_its_place(workspace: Workspace) -> None:
    async with Client(create_server(workspace)) as client:
        found = await called(client, "search", query=QUESTION, limit=3)
        assert found["evidence"] >= found["threshold"]
        best = found["passages"][0]
        page = await called(client, "read_page", document=best["document"], page=best["page"])
    assert page["title"] == best["title"] == "员工手册.pdf"
    assert page["text"][best["start"] : best["end"]] == best["text"]


async def test_an_answer_has_quotes_with_their_places(workspace: Workspace) -> None:
    async with Client(create_server(workspace)) as client:
        answer = await called(client, "ask", question=QUESTION)
        assert "十五天" in answer["answer"]
        quote = answer["citations"][0]
        page = await called(client, "read_page", document=quote["document"], page=quote["page"])
        assert page["text"][quote["start"] : quote["end"]] == quote["quote"]
        history = [["AL-500 的单价是多少元？", "5680 元。"]]
        followed = await called(client, "ask", question="那它的交货期是几天？", history=history)
    assert followed["question"] == "AL-500 的交货期是几天？"


async def test_pages_and_the_list_of_documents_are_resources(workspace: Workspace) -> None:
    async with Client(create_server(workspace)) as client:
        listed = (await called(client, "list_documents"))["result"]
        resource = await client.read_resource("library://documents")
        assert [entry["document"] for entry in json.loads(resource.contents[0].text)] == [
            entry["document"] for entry in listed
        ]
        number = next(entry["document"] for entry in listed if entry["title"] == "员工手册.pdf")
        page = await client.read_resource(f"document://{number}/page/3")
        assert page.contents[0].text == workspace.library.page_text(number, 3)


async def test_a_whole_document_is_summarized_with_quotes(workspace: Workspace) -> None:
    async with Client(create_server(workspace)) as client:
        listed = (await called(client, "list_documents"))["result"]
        number = next(entry["document"] for entry in listed if entry["title"] == "员工手册.pdf")
        for language in ("zh", "en"):
            summary = await called(client, "summarize", document=number, language=language)
            assert summary["citations"] and {quote["document"] for quote in summary["citations"]} == {number}
            for quote in summary["citations"]:
                page = workspace.library.page_text(number, quote["page"])
                assert page[quote["start"] : quote["end"]] == quote["quote"]


async def test_a_document_may_be_named_by_its_title(workspace: Workspace) -> None:
    async with Client(create_server(workspace)) as client:
        page = await called(client, "read_page", document=" 员工手册.PDF ", page=3)
        assert page == await called(client, "read_page", document=str(page["document"]), page=3)
        summary = await called(client, "summarize", document="员工手册.pdf", language="zh")
        assert {quote["document"] for quote in summary["citations"]} == {page["document"]}


async def test_a_title_that_several_documents_have_is_asked_back_with_their_numbers(
    knowledge_home: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "same.txt").write_text(f"Text {number}.", encoding="utf-8")
    with workspace_over(knowledge_home, tmp_path / "w") as workspace:
        job = submit_ingest(workspace.library, "default", [tmp_path / "1", tmp_path / "2"])
        assert len([one for one in follow(workspace.library, job) if one.verdict is not None]) == 2
        numbers = [row.id for row in workspace.library.documents("default") if row.title == "same.txt"]
        async with Client(create_server(workspace)) as client:
            result = await client.call_tool("read_page", {"document": "same.txt"})
    assert result.is_error
    assert f"Take a number: {numbers[0]}, {numbers[1]}" in result.content[0].text


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("search", {"query": "合同", "knowledge_base": "无"}, "没有名为“无”的知识库"),
        ("search", {"query": "contract", "knowledge_base": "none"}, "There is no knowledge base 'none'"),
        ("read_page", {"document": 999}, "999"),
        ("read_page", {"document": -1}, "greater than or equal"),
        ("read_page", {"document": "9" * 30}, "There is no document 9007199254740992"),
        ("read_page", {"document": "no such file.pdf"}, "no document of the title 'no such file.pdf'"),
        ("summarize", {"document": "没有这份.pdf", "language": "zh"}, "没有名为“没有这份.pdf”的文档"),
        ("ask", {"question": ""}, "at least 1 character"),
    ],
)
async def test_an_error_is_a_sentence_for_the_model(
    workspace: Workspace, tool: str, arguments: dict[str, Any], words: str
) -> None:
    async with Client(create_server(workspace)) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert words in result.content[0].text


async def test_over_http_it_needs_the_token_and_the_right_host(workspace: Workspace) -> None:
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    app = http_application(create_server(workspace), hosts=(), token=TOKEN, per_minute=10_000)
    with serving(app) as address:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=300) as http:
            async with Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client:
                assert (await called(client, "search", query=QUESTION))["passages"]
            evil = await http.post(f"{address}/mcp", json={}, headers={"Host": "evil.example"})
        async with httpx2.AsyncClient(timeout=300) as http:
            nobody = await http.post(f"{address}/mcp", json={})
    assert (nobody.status_code, evil.status_code) == (401, 403)


@pytest.mark.timeout(600)
async def test_over_stdio_it_is_started_by_the_client_and_says_nothing_else_on_stdout(
    knowledge_home: Path, tmp_path: Path
) -> None:
    home = tmp_path / "stdio home"
    shutil.copytree(knowledge_home, home)
    environment = {**os.environ, "MINICPM_RAG_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    parameters = StdioServerParameters(command=sys.executable, args=["-m", "minicpm_rag", "mcp"], env=environment)
    async with Client(parameters, read_timeout_seconds=300) as client:
        assert (await called(client, "search", query=QUESTION))["passages"]
