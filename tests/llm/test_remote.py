"""Answers from an OpenAI-compatible server, played here by a small one on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from web_server import Handler, served

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.remote import RemoteLLM, connect
from minicpm_rag.messages import text

ANSWER = ["价格", "是 ", "128 元", "。[2]"]


class Server:
    """What the server answers, and what it was asked."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.status, self.error = 200, ""
        self.pieces = list(ANSWER)
        self.wait_before: int | None = None  # stop before that piece, and go on when `go_on` is set
        self.waiting, self.go_on, self.reader_left = threading.Event(), threading.Event(), threading.Event()
        self.address = ""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class ModelHandler(Handler):
        def do_GET(self) -> None:  # noqa: N802 (http.server asks for that name)
            self.send_json(200, {"object": "list", "data": [{"id": "first-model", "object": "model"}]})

        def do_POST(self) -> None:  # noqa: N802
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests.append(request)
            state.keys.append(self.headers.get("Authorization", ""))
            if state.status != 200:
                self.send_json(state.status, {"error": {"message": state.error, "type": "x", "code": None}})
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                for number, piece in enumerate(state.pieces):
                    if number == state.wait_before:
                        state.waiting.set()
                        state.go_on.wait(300)
                    self._event({"role": "assistant", "content": piece}, None)
                self._event({}, "stop")
                self.wfile.write(b"data: [DONE]\n\n")
            except OSError:
                state.reader_left.set()

        def _event(self, delta: dict[str, str], reason: str | None) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            chunk = {
                "id": "1",
                "object": "chat.completion.chunk",
                "created": 0,
                "model": "m",
                "choices": [choice],
            }
            self.wfile.write(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())
            self.wfile.flush()

    with served(ModelHandler) as address:
        state.address = f"{address}/v1"
        yield state
        state.go_on.set()


@pytest.fixture
def llm(server: Server) -> RemoteLLM:
    return connect(server.address, "their-model", "secret", 8192)


def test_an_answer_streams_piece_by_piece(server: Server, llm: RemoteLLM) -> None:
    assert list(llm.stream("X 的价格是多少？")) == ANSWER
    assert llm.invoke("What does X cost?") == "".join(ANSWER)
    assert server.keys == ["Bearer secret"] * 2


def test_callbacks_hear_every_piece(llm: RemoteLLM) -> None:
    class Listener(BaseCallbackHandler):
        def __init__(self) -> None:
            self.pieces: list[str] = []

        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            self.pieces.append(token)

    for ask in (llm.invoke, lambda *args, **kwargs: list(llm.stream(*args, **kwargs))):
        listener = Listener()
        ask("q", config={"callbacks": [listener]})
        assert "".join(listener.pieces) == "".join(ANSWER)


def test_messages_arrive_as_messages(server: Server, llm: RemoteLLM) -> None:
    messages = [SystemMessage("Answer from the passages."), HumanMessage("价格？")]
    list(llm.stream(messages))
    (ChatPromptTemplate.from_messages([("system", "{a}"), ("human", "{b}")]) | llm).invoke({"a": "s", "b": "h"})
    assert [[m["role"] for m in request["messages"]] for request in server.requests] == [["system", "user"]] * 2
    assert server.requests[0]["messages"][1]["content"] == "价格？"


def test_the_options_of_a_call_reach_the_server(server: Server, llm: RemoteLLM) -> None:
    list(llm.bind(temperature=0.0, max_new_tokens=33, stop=["###"]).stream("q"))
    request = server.requests[0]
    assert (
        request["model"],
        request["temperature"],
        request["max_tokens"],
        request["stop"],
        request["stream"],
    ) == (
        "their-model",
        0.0,
        33,
        ["###"],
        True,
    )
    assert "max_completion_tokens" not in request


def test_without_a_name_the_first_model_of_the_server_is_asked(server: Server) -> None:
    assert connect(server.address, None, None, 4096).invoke("q") == "".join(ANSWER)
    assert server.requests[0]["model"] == "first-model"


def test_cancel_ends_the_stream_while_the_server_is_silent(server: Server, llm: RemoteLLM) -> None:
    server.wait_before, server.pieces = 1, ["一", *["x" * 10_000] * 500]
    cancel = threading.Event()
    stream = llm.stream("q", cancel=cancel)
    assert next(stream) == "一"
    assert server.waiting.wait(300)
    cancel.set()
    assert list(stream) == []
    server.go_on.set()
    assert server.reader_left.wait(300), "the connection stays open although nobody reads"


def test_an_empty_answer_is_empty_and_no_error(server: Server, llm: RemoteLLM) -> None:
    server.pieces = []
    assert "".join(llm.stream("q")) == llm.invoke("q") == ""
    cancelled = threading.Event()
    cancelled.set()
    assert "".join(llm.stream("q", cancel=cancelled)) == ""


def test_closing_the_stream_closes_the_connection(server: Server, llm: RemoteLLM) -> None:
    server.pieces = ["x" * 10_000] * 5000
    stream = llm.stream("q")
    assert next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert server.reader_left.wait(300)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (401, "bad key", "MINICPM_RAG_LLM_API_KEY"),
        (404, "no such model", "'their-model'"),
        (400, "This model's maximum context length is 4096 tokens", "MINICPM_RAG_LLM_CONTEXT_TOKENS"),
        (400, "temperature out of range", "temperature out of range"),
        (500, "显存不足", "显存不足"),
    ],
)
def test_errors_of_the_server_say_what_to_do(
    server: Server, llm: RemoteLLM, status: int, error: str, expected: str
) -> None:
    server.status, server.error = status, error
    with pytest.raises(ModelError, match=expected) as caught:
        list(llm.stream("q"))
    assert server.address in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:9/v1 cannot be reached") as caught:
        connect("http://127.0.0.1:9/v1", "m", None, 4096).invoke("q")
    assert text("zh", caught.value.message) == "连不上模型服务 http://127.0.0.1:9/v1（连接被拒绝），它启动了吗？"


def test_an_address_that_is_none_is_refused_before_any_question() -> None:
    for wrong in ("", "127.0.0.1:8000", "ftp://host/v1", "http://"):
        with pytest.raises(ModelError, match="MINICPM_RAG_LLM_URL"):
            connect(wrong, None, None, 4096)


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    server: Server, llm: RemoteLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert llm.invoke("q") == "".join(ANSWER)


def test_the_token_count_is_never_too_low() -> None:
    llm = connect("http://127.0.0.1:9/v1", "m", None, 4096)
    chinese = "年度报告显示，公司在第三季度的营业收入同比增长。" * 20
    english = "The annual report shows that revenue rose in the third quarter. " * 20
    # MiniCPM's own tokenizer makes 182 and 242 tokens of these; byte-level ones more of the Chinese.
    assert llm.count_prompt_tokens(chinese) >= 1.4 * len(chinese) > 182
    assert llm.count_prompt_tokens(english) >= 242
    messages = [SystemMessage(english), HumanMessage(chinese)]
    assert llm.count_prompt_tokens(messages) > llm.count_prompt_tokens(english)
    assert llm.context_tokens == 4096


def test_the_key_is_in_no_printed_form(llm: RemoteLLM) -> None:
    assert "secret" not in repr(llm) + str(llm) + str(llm.model_dump())
