"""The HTTP API over a real library: chat completions, REST, walls, many clients at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from free_port import free_port

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from api_parts import TOKEN, client_of, get, serving, workspace_over
from conftest import REPOSITORY
from scripted_llm import ScriptedLLM

from minicpm_rag.api import limits
from minicpm_rag.api.limits import Buckets
from minicpm_rag.api.server import create_app
from minicpm_rag.cli import main
from minicpm_rag.workspace import Workspace

QUESTION = "工龄满十年的员工年假有多少天？"
ENGLISH = "What is the agreed defect rate?"


@pytest.fixture(scope="module")
def workspace(knowledge_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with workspace_over(knowledge_home, tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    with serving(create_app(workspace, token=TOKEN, per_minute=100_000)) as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with client_of(address) as opened:
        yield opened


def asked(client: httpx.Client, content: Any = QUESTION, **more: Any) -> httpx.Response:
    messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
    return client.post("/v1/chat/completions", json={"model": "default", "messages": messages, **more})


def events_of(response: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


# Chat completions


def test_a_completion_answers_from_the_documents_with_citations(client: httpx.Client) -> None:
    completion = asked(client).json()
    choice = completion["choices"][0]
    assert (choice["finish_reason"], choice["message"]["role"]) == ("stop", "assistant")
    assert "十五天" in choice["message"]["content"] and "[1]" in choice["message"]["content"]
    cited = completion["citations"][0]
    assert cited["title"] == "员工手册.pdf" and cited["page"] == 3
    page = client.get(f"/api/documents/{cited['document_id']}/pages/{cited['page']}").json()
    start, end = cited["quote_offsets"]
    assert page["text"][start:end] == cited["quote"]


def test_the_link_of_a_citation_opens_the_page_at_the_quote_without_a_token(client: httpx.Client) -> None:
    cited = asked(client).json()["citations"][0]
    shown = get(cited["link"])
    assert shown.status_code == 200
    assert f'<mark id="quote">{cited["quote"]}</mark>' in shown.text
    assert get(cited["link"].replace("start=", "start=1")).status_code == 404, "a link is for its passage only"


def test_a_stream_brings_the_same_answer_in_pieces(client: httpx.Client) -> None:
    events = events_of(asked(client, stream=True, stream_options={"include_usage": True}))
    assert events[-1] == "[DONE]"
    *pieces, last, usage = events[:-1]
    text = "".join(choice["delta"].get("content", "") for piece in pieces for choice in piece["choices"])
    assert text == asked(client).json()["choices"][0]["message"]["content"] == last["answer"]
    assert last["choices"][0]["finish_reason"] == "stop" and last["citations"]
    assert usage["usage"]["completion_tokens"] > 0 and usage["choices"] == []


def test_a_refusal_has_the_nearest_passages_and_may_be_overridden(client: httpx.Client) -> None:
    refused = asked(client, "谁在一九九八年赢得了世界杯？").json()
    assert refused["mode"] == "refused" and refused["nearest"] and not refused["citations"]
    assert asked(client, "谁在一九九八年赢得了世界杯？", answer_anyway=True).json()["mode"] != "refused"


def test_a_follow_up_is_understood_from_the_messages_before_it(client: httpx.Client) -> None:
    conversation = [
        {"role": "system", "content": "Answer like a pirate."},
        {"role": "user", "content": "AL-500 的单价是多少元？"},
        {"role": "assistant", "content": "5680 元。[1]"},
        {"role": "user", "content": [{"type": "text", "text": "那它的交货期是几天？"}]},
    ]
    assert asked(client, conversation).json()["standalone_question"] == "AL-500 的交货期是几天？"


def test_every_knowledge_base_is_a_model(client: httpx.Client) -> None:
    assert [entry["id"] for entry in client.get("/v1/models").json()["data"]] == ["default"]
    assert client.get("/v1/models/default").json()["object"] == "model"
    refused = client.post(
        "/v1/chat/completions", json={"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}
    )
    assert refused.status_code == 404 and "'gpt-5'" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "default", "messages": []},
        {"model": "default", "messages": [{"role": "assistant", "content": "hi"}]},
        {"model": "default", "messages": [{"role": "user", "content": "  "}]},
    ],
)
def test_a_request_that_asks_nothing_is_refused_in_openais_form(client: httpx.Client, body: Any) -> None:
    refused = client.post("/v1/chat/completions", json=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["message"]


def test_the_openai_client_works(address: str) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=TOKEN)
    assert [entry.id for entry in client.models.list()] == ["default"]
    messages = [{"role": "user", "content": ENGLISH}]
    whole = client.chat.completions.create(model="default", messages=messages)
    assert "200 parts" in whole.choices[0].message.content and whole.citations[0]["quote"]
    streamed = list(client.chat.completions.create(model="default", messages=messages, stream=True))
    assert "".join(part.choices[0].delta.content or "" for part in streamed) == whole.choices[0].message.content
    with pytest.raises(openai.AuthenticationError, match="token"):
        openai.OpenAI(base_url=f"{address}/v1", api_key="wrong").models.list()


def test_langchains_chat_model_works(address: str) -> None:
    ChatOpenAI = pytest.importorskip("langchain_openai").ChatOpenAI  # noqa: N806
    model = ChatOpenAI(base_url=f"{address}/v1", api_key=TOKEN, model="default")
    assert "200 parts" in model.invoke(ENGLISH).content
    assert "200 parts" in "".join(chunk.content for chunk in model.stream(ENGLISH))


# REST


def followed(client: httpx.Client, job: int) -> list[dict[str, Any]]:
    return events_of(client.get(f"/api/jobs/{job}/events"))


def test_a_file_is_uploaded_followed_listed_read_searched_asked_about_and_removed(client: httpx.Client) -> None:
    words = "云溪水泵的保修期为三十个月，电池除外。"
    files = [("files", ("../../保修 warranty.txt", words.encode())), ("files", ("empty.txt", b""))]
    job = client.post("/api/knowledge-bases/pumps/documents", files=files).json()["job"]
    steps = followed(client, job)
    assert steps[-1]["status"] == "done"
    verdicts = {step["verdict"]["title"]: step["verdict"] for step in steps[:-1] if step["verdict"]}
    assert verdicts["保修 warranty.txt"]["status"] == "indexed"
    assert verdicts["empty.txt"]["status"] in ("failed", "skipped") and verdicts["empty.txt"]["reason"]
    assert client.get(f"/api/jobs/{job}").json()["status"] == "done"

    row = next(row for row in client.get("/api/knowledge-bases/pumps/documents").json() if row["status"] == "ready")
    assert row["source"] == "upload:保修 warranty.txt", "it lies among the uploads, whatever its name"
    assert [page["number"] for page in client.get(f"/api/documents/{row['id']}/pages").json()] == [1]
    assert client.get(f"/api/documents/{row['id']}/pages/1").json()["text"] == words
    found = client.post("/api/knowledge-bases/pumps/search", json={"question": "保修期多久？", "explain": True}).json()
    assert found["passages"][0]["text"] == words and found["candidates"]
    answer = client.post("/api/knowledge-bases/pumps/ask", json={"question": "水泵的保修期多久？"}).json()
    assert "三十个月" in answer["answer"] and answer["citations"][0]["link"].startswith("http://127.0.0.1")
    streamed = client.post("/api/knowledge-bases/pumps/ask", json={"question": "水泵的保修期多久？", "stream": True})
    assert "event: retrieval" in streamed.text
    assert events_of(streamed)[-1]["answer"] == answer["answer"]

    followed(client, client.delete(f"/api/documents/{row['id']}").json()["job"])
    assert not [row for row in client.get("/api/knowledge-bases/pumps/documents").json() if row["status"] == "ready"]
    assert client.delete("/api/knowledge-bases/pumps").status_code == 202
    assert client.get("/api/knowledge-bases/pumps").status_code == 404


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/knowledge-bases"])
def test_a_body_that_is_no_json_is_said_to_be_none(client: httpx.Client, path: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl sends where nothing else is said
    for body, headers in ((b'{"name": "x"}', form), (b'{"name": ', {"Content-Type": "application/json"})):
        refused = client.post(path, content=body, headers=headers)
        assert refused.status_code == 422
        assert "Content-Type: application/json" in refused.text
    for body in (b"[" * 100_000 + b"]" * 100_000, b'{"name": "\xff\xfe"}'):
        for language, words in (("zh", "请求体要用 JSON"), ("en", "The body must be JSON")):
            headers = {"Content-Type": "application/json", "Accept-Language": language}
            refused = client.post(path, content=body, headers=headers)
            assert refused.status_code == 400
            assert words in refused.text


def test_knowledge_bases_are_made_and_renamed(client: httpx.Client) -> None:
    assert client.post("/api/knowledge-bases", json={"name": "合同"}).status_code == 201
    taken = client.post("/api/knowledge-bases", json={"name": "合同"})
    assert taken.status_code == 409
    assert client.patch("/api/knowledge-bases/合同", json={"name": "contracts"}).json()["name"] == "contracts"
    assert client.delete("/api/knowledge-bases/contracts").status_code == 202


def test_errors_are_problems_in_the_callers_language(address: str) -> None:
    for language, words in (("zh-CN", "没有名为“无”的知识库"), ("en", "There is no knowledge base '无'")):
        with client_of(address, **{"Accept-Language": language}) as client:
            problem = client.get("/api/knowledge-bases/无")
            assert problem.headers["content-type"] == "application/problem+json"
            assert problem.json()["title"].startswith(words)
            assert problem.json()["status"] == problem.status_code == 404
    with client_of(address) as client:
        invalid = client.post("/api/knowledge-bases/default/search", json={"question": "x", "limit": 0}).json()
        assert invalid["errors"][0]["at"] == "body.limit"
        assert client.get("/api/nothing").json()["type"] == "urn:minicpm-rag:api.no_such_path"
        assert client.get("/api/jobs/999999").status_code == 404


def test_the_documentation_lists_every_address_and_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "/v1/chat/completions" in page
    assert "http://" not in page and "https://" not in page and "<script" not in page
    assert client.get("/openapi.json").json()["paths"].keys() >= {"/v1/models", "/api/jobs/{number}/events"}


# Walls


def test_without_the_token_only_the_health_is_told(address: str) -> None:
    assert get(f"{address}/health").json() == {"status": "ok"}
    for path in ("/v1/models", "/api/knowledge-bases", "/api/documents/1/pages/1", "/docs", "/openapi.json"):
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            assert get(address + path, **header).status_code == 401, path


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3"},
    ],
)
def test_other_hosts_and_sites_are_refused_as_by_the_page(client: httpx.Client, headers: dict[str, str]) -> None:
    assert client.get("/v1/models", headers=headers).status_code == 403


def test_a_path_in_the_host_header_opens_nothing(address: str) -> None:
    with client_of(address, Authorization="", Host="localhost/open/?") as stranger:
        assert stranger.get("/api/knowledge-bases").status_code in (400, 401)


def test_what_is_too_large_is_refused_stated_or_not(client: httpx.Client) -> None:
    body = json.dumps({"model": "default", "messages": [{"role": "user", "content": "x" * 5_000_000}]}).encode()
    stated = client.post("/v1/chat/completions", content=body)
    assert stated.status_code == 413 and stated.json()["error"]["code"] == "api.too_large"
    streamed = client.post("/api/knowledge-bases", content=iter([body]))
    assert streamed.status_code == 413


def test_a_client_that_asks_too_often_is_told_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 7.0))  # the ten come within a second
    buckets = Buckets(per_minute=60)
    assert [buckets.wait("a") for _ in range(10)] == [0.0] * 10
    assert 0 < buckets.wait("a") <= 1
    assert buckets.wait("b") == 0.0, "each client has its own"


def test_too_many_requests_are_answered_with_retry_after(workspace: Workspace) -> None:
    with serving(create_app(workspace, token=None, per_minute=1)) as address:
        assert get(f"{address}/v1/models").status_code == 200, "no token is needed where none was set"
        refused = get(f"{address}/v1/models")
        assert refused.status_code == 429 and int(refused.headers["Retry-After"]) >= 1


def test_behind_a_proxy_links_have_its_path(workspace: Workspace) -> None:
    with serving(create_app(workspace, token=TOKEN, base_path="/rag")) as address, client_of(address) as client:
        assert "/rag/open/" in asked(client).json()["citations"][0]["link"]


# Many at once


def test_fifty_searches_and_eight_streams_at_once_each_get_their_own(
    workspace: Workspace, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight streams of a slow model stay open while fifty searches run; none is crossed, none lost."""
    questions = [QUESTION, ENGLISH, "AL-500 的单价是多少元？", "What is the agreed defect rate per month?"]
    told = threading.Event()

    class Echo(ScriptedLLM):
        def _stream(self, prompt: str, *args: Any, **kwargs: Any) -> Any:
            told.wait(300)
            self.answers[:] = ["x"]
            number = next(n for n in range(8) if f"口令{n}号" in prompt)
            return iter(ScriptedLLM(answers=[f"答复{number}号。" * 20])._stream(prompt, *args, **kwargs))

    monkeypatch.setattr(type(workspace), "llm", property(lambda self: Echo(answers=["x"])))

    def stream(number: int) -> str:
        with client_of(address) as client:
            body = f"{QUESTION}（口令{number}号）"
            events = events_of(asked(client, body, stream=True, answer_anyway=True))
            assert events[-1] == "[DONE]"
            return "".join(c["delta"].get("content", "") for e in events[:-1] for c in e["choices"])

    def search(number: int) -> list[str]:
        with client_of(address) as client:
            found = client.post(
                "/api/knowledge-bases/default/search", json={"question": questions[number % 4], "limit": 3}
            )
            assert found.status_code == 200
            return [passage["chunk_id"] for passage in found.json()["passages"]]

    expected = [search(number) for number in range(4)]
    with ThreadPoolExecutor(58) as pool:
        streams = [pool.submit(stream, number) for number in range(8)]
        searches = [pool.submit(search, number) for number in range(50)]
        for number, searched in enumerate(searches):
            assert searched.result() == expected[number % 4]
        told.set()
        for number, streamed in enumerate(streams):
            text = streamed.result()
            assert text.count(f"答复{number}号") >= 1
            assert not any(f"答复{other}号" in text for other in range(8) if other != number)


def test_a_client_that_leaves_stops_the_model(
    workspace: Workspace, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = ScriptedLLM(answers=["年假有十五天。"], endless=True)
    monkeypatch.setattr(type(workspace), "llm", property(lambda self: llm))
    body = {"model": "default", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    with client_of(address) as client, client.stream("POST", "/v1/chat/completions", json=body) as response:
        next(response.iter_lines())
    assert llm.stopped.wait(300)


# Beside the page, or alone


@pytest.mark.timeout(600)
def test_the_command_serves_beside_the_owner_of_the_library(workspace: Workspace, tmp_path: Path) -> None:
    """This process owns the library, as the page would; what is uploaded there is read here, and found there."""
    port = free_port()
    environment = {**os.environ, "MINICPM_RAG_HOME": str(workspace.settings.home), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "minicpm_rag", "serve", "--port", str(port), "--token", TOKEN]
    server = subprocess.Popen(command, env=environment, cwd=tmp_path)
    try:
        with client_of(f"http://127.0.0.1:{port}") as client:
            while True:
                try:
                    assert client.get("/health").status_code == 200
                    break
                except httpx.ConnectError:
                    assert server.poll() is None
                    time.sleep(0.2)
            words = "The turbine of station seven is inspected every nine weeks."
            files = [("files", ("turbine.txt", words.encode()))]
            job = client.post("/api/knowledge-bases/beside/documents", files=files).json()["job"]
            assert followed(client, job)[-1]["status"] == "done"
            asked = {"question": "How often is the turbine of station seven inspected?"}
            assert "nine weeks" in client.post("/api/knowledge-bases/beside/ask", json=asked).json()["answer"]
            assert client.delete("/api/knowledge-bases/beside").status_code == 202
    finally:
        server.terminate()
        assert server.wait(300) in (0, -15)


# The command


def test_a_token_that_is_soon_guessed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--token", "1234"]) == 1
    assert "only 4 characters" in capsys.readouterr().err
