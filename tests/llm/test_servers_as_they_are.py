"""What real servers do: cut answers, thoughts in every form, errors inside the stream, connections that fail."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langchain_core.retrievers import BaseRetriever
from model_server import ModelServer, Raw, Refusal, Reset, event, model_server, said
from web_server import Handler

from minicpm_rag.answering import build_chain
from minicpm_rag.errors import ModelError, OnlyThoughtsError
from minicpm_rag.llm import openai_server
from minicpm_rag.llm.remote import RemoteLLM, connect
from minicpm_rag.llm.streams import stream_text
from minicpm_rag.messages import text
from minicpm_rag.records import Answer, Question, Turn

ANSWER = "报销单应在出差结束后十五天内提交。"
THOUGHT = "用户在问报销，资料说十五天。"
QUESTION = "报销单要在出差结束后多少天内提交？"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as state:
        yield state


@pytest.fixture
def llm(server: ModelServer) -> RemoteLLM:
    return connect(server.address, "m", None, 4096)


def shown(llm: RemoteLLM) -> tuple[str, list[str]]:
    """What a reader of the stream sees in the end, and how it ended."""
    endings: list[str] = []
    answer = ""
    for piece in stream_text(llm, [HumanMessage("q")], cancel=threading.Event(), on_end=endings.append):
        if isinstance(piece, str):
            answer = piece if type(piece) is not str else answer + piece
    return answer, endings


class Rules(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.metadata = {**(self.metadata or {}), "asked": query}
        return [Document("差旅报销：报销单应在出差结束后十五天内提交。附件是发票原件。", metadata={"title": "制度"})]


def answered(llm: RemoteLLM, question: Question | str = QUESTION) -> Answer:
    return build_chain(retriever=Rules(), llm=llm).invoke(
        question if isinstance(question, Question) else {"question": question}
    )


# Answers that are cut off


@pytest.mark.parametrize(
    ("ending", "note"),
    [
        ("length", "reached its length limit"),
        ("content_filter", "content filter"),
        (None, "broke off"),
    ],
)
def test_an_answer_that_is_cut_off_says_so_and_its_last_half_sentence_is_not_proven(
    server: ModelServer, llm: RemoteLLM, ending: str | None, note: str
) -> None:
    server.answers = [said("报销单应在出差结束后十五天", ending)]
    answer = answered(llm)
    assert answer.mode == "model"
    assert note in str(answer.note)
    assert answer.text.startswith(f"报销单应在出差结束后十五天\n\n{text('zh', answer.note)}"), (
        "no mark on half a sentence"
    )
    assert not answer.unsupported
    assert all(citation.sentence_start > len("报销单应在出差结束后十五天") for citation in answer.citations)


def test_a_whole_answer_has_no_note(server: ModelServer, llm: RemoteLLM) -> None:
    server.answers = [said(ANSWER)]
    answer = answered(llm)
    assert (answer.note, answer.text, len(answer.citations)) == (None, f"{ANSWER}[1]", 1)


def test_a_model_that_says_nothing_is_named_beside_the_quotes(server: ModelServer, llm: RemoteLLM) -> None:
    server.answers = [said("")]
    answer = answered(llm)
    assert answer.mode == "extractive"
    assert "The model wrote no answer" in str(answer.note)


def test_a_connection_that_breaks_in_the_middle_is_an_error_after_the_text(server: ModelServer, llm: RemoteLLM) -> None:
    server.answers = [[*said("报销单", None), Reset()]]
    pieces = llm.stream("q")
    assert [next(pieces) for _ in range(3)] == list("报销单")
    with pytest.raises(ModelError, match="broke off"):
        list(pieces)


@pytest.mark.parametrize(
    "events",
    [
        [{"error": {"message": "CUDA out of memory", "code": 500}}],
        [{"object": "error", "message": "CUDA out of memory", "code": 50001}],
        [event({"content": "报销"}), {"error": {"message": "CUDA out of memory", "type": "server_error"}}],
        [event({"content": "报销"}), {"error": "CUDA out of memory"}],
    ],
)
def test_an_error_inside_the_stream_is_an_error(server: ModelServer, llm: RemoteLLM, events: list[Any]) -> None:
    server.answers = [events]
    with pytest.raises(ModelError, match="CUDA out of memory"):
        list(llm.stream("q"))


# Thoughts


@pytest.mark.parametrize(
    "script",
    [
        said(f"<think>{THOUGHT}</think>\n\n{ANSWER}"),
        said(f"<thinking>{THOUGHT}</thinking>{ANSWER}"),
        said(f"<|thought_start|>{THOUGHT}<|thought_end|>{ANSWER}"),
        said(f"[THINK]{THOUGHT}[/THINK]{ANSWER}"),
        said(f"{THOUGHT}\n</think>\n\n{ANSWER}"),
        [*said(THOUGHT, None, field_name="reasoning_content"), *said(ANSWER)],
        [*said(THOUGHT, None, field_name="reasoning"), *said(ANSWER)],
    ],
    ids=["think", "thinking", "minicpm", "mistral", "lone-closing-mark", "reasoning_content", "reasoning"],
)
def test_thoughts_in_every_form_are_no_part_of_the_answer(
    server: ModelServer, llm: RemoteLLM, script: list[Any]
) -> None:
    server.answers = [script]
    assert shown(llm) == (ANSWER, ["stop"])
    assert llm.invoke("q") == ANSWER
    answer = answered(llm)
    assert answer.text == f"{ANSWER}[1]"
    assert answer.thoughts.strip() == THOUGHT


def test_once_a_server_left_out_the_opening_mark_its_thoughts_are_not_shown_even_for_a_moment(
    server: ModelServer, llm: RemoteLLM
) -> None:
    server.answers = [said(f"{THOUGHT}</think>{ANSWER}")]
    assert "".join(llm.stream("q")).startswith(THOUGHT)
    assert "".join(llm.stream("q")) == ANSWER


def test_an_answer_that_speaks_of_the_marks_is_left_whole(server: ModelServer, llm: RemoteLLM) -> None:
    words = "模型把思考写在 <think> 和 </think> 之间。"
    server.answers = [said(words)]
    assert shown(llm)[0] == words


@pytest.mark.parametrize("form", ["<think>", "reasoning_content"])
def test_where_thoughts_take_all_tokens_the_model_is_asked_not_to_think(
    server: ModelServer, llm: RemoteLLM, form: str
) -> None:
    thought = said("想" * 50, "length", field_name="content" if form == "<think>" else form)
    server.answers = [[event({"content": "<think>"}), *thought] if form == "<think>" else thought, said(ANSWER)]
    assert shown(llm) == (ANSWER, ["stop"])
    first, second = server.requests
    assert "chat_template_kwargs" not in first
    assert second["chat_template_kwargs"] == {"enable_thinking": False}
    assert second["max_tokens"] == first["max_tokens"] + llm.thinking_tokens
    shown(llm)
    assert server.requests[2]["chat_template_kwargs"] == {"enable_thinking": False}, "it learned"


def test_a_model_that_only_thinks_is_an_error_that_names_the_setting(server: ModelServer, llm: RemoteLLM) -> None:
    server.answers = [[*said("想" * 9, "length", field_name="reasoning_content")]]
    with pytest.raises(OnlyThoughtsError, match="MINICPM_RAG_LLM_THINKING_TOKENS"):
        answered(llm)
    with pytest.raises(OnlyThoughtsError):
        llm.invoke("q")


def test_a_follow_up_is_completed_by_rule_where_the_rewrite_is_all_thoughts(
    server: ModelServer, llm: RemoteLLM
) -> None:
    only_thoughts = said("我需要改写。" * 9, "length", field_name="reasoning_content")
    server.answers = [only_thoughts, only_thoughts, said(ANSWER)]
    asked = Question("那附件呢？", history=[Turn(QUESTION, ANSWER)])
    without_model = build_chain(retriever=Rules()).invoke(asked)
    assert answered(llm, asked).standalone_question == without_model.standalone_question != "那附件呢？"


@pytest.mark.parametrize(
    ("name", "setting", "told", "extra"),
    [
        ("Qwen3-8B", "auto", False, 0),
        ("openbmb/MiniCPM4.1-8B", "auto", False, 0),
        ("Qwen3-4B-Instruct-2507", "auto", None, 0),
        ("QwQ-32B", "auto", None, 2048),
        ("DeepSeek-R1-Distill-Qwen-7B", "auto", None, 2048),
        ("llama-3", "auto", None, 0),
        ("llama-3", "off", False, 0),
        ("Qwen3-8B", "on", True, 2048),
    ],
)
def test_thinking_is_turned_off_or_given_room_by_name_and_setting(
    server: ModelServer, name: str, setting: str, told: bool | None, extra: int
) -> None:
    connect(server.address, name, None, 4096, thinking=setting).invoke("q", max_new_tokens=100)
    request = server.requests[0]
    assert request.get("chat_template_kwargs", {}).get("enable_thinking") is told
    assert request["max_tokens"] == 100 + extra


# What is sent


def test_every_sampling_setting_is_sent_and_none_that_was_not_given(server: ModelServer) -> None:
    sampling = {"temperature": 0.2, "top_p": 0.7, "top_k": 30, "min_p": 0.05, "repetition_penalty": 1.1, "seed": 7}
    connect(server.address, "m", None, 4096, **sampling).invoke("q")
    connect(server.address, "m", None, 4096).bind(top_k=5, min_p=0.1).invoke("q")
    first, second = server.requests
    assert {name: first[name] for name in sampling} == sampling
    assert (second["top_k"], second["min_p"]) == (5, 0.1)
    assert not {"top_p", "repetition_penalty", "seed", "stop"} & second.keys()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("temperature", "Unsupported value: 'temperature' does not support 0.1 with this model."),
        ("chat_template_kwargs", "Unrecognized request argument supplied: chat_template_kwargs"),
        ("max_tokens", "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."),
    ],
)
def test_an_option_that_the_server_refuses_is_left_out(server: ModelServer, name: str, words: str) -> None:
    server.answers = [lambda request: Refusal(400, words) if name in request else said(ANSWER)]
    llm = connect(server.address, "m", None, 4096, thinking="off")
    assert llm.invoke("q") == ANSWER
    assert ("max_completion_tokens" in server.requests[-1]) is (name == "max_tokens")
    assert llm.invoke("q") == ANSWER
    assert len(server.requests) == 3, "it is not tried twice"


# What comes back


@pytest.mark.parametrize(
    "content",
    [
        b'{"object":"chat.completion","choices":[{"index":0,"message":{"content":"fine"},"finish_reason":"stop"}]}',
        b': ping\n\ndata:{"choices":[{"delta":{"content":"fine"},"finish_reason":"stop"}]}\n\ndata:[DONE]\n\n',
        b'data: {"choices":null}\r\n\r\n'
        b'data: {"choices":[{"delta":{"content":"fine"},"finish_reason":"stop"}]}\r\n\r\n',
        b'event: ping\ndata: {}\n\ndata: {"choices":[{"delta":null}]}\n\n'
        b'data: {"choices":[{"delta":{"content":"fine"},"finish_reason":"stop"}]}\n\n',
    ],
    ids=["not-streamed", "comments", "carriage-returns", "empty-events"],
)
def test_unusual_streams_are_read(server: ModelServer, llm: RemoteLLM, content: bytes) -> None:
    server.answers = [Raw(content, "application/json" if content.startswith(b"{") else "text/event-stream")]
    assert shown(llm) == ("fine", ["stop"])


def test_a_web_page_instead_of_an_answer_is_named(server: ModelServer, llm: RemoteLLM) -> None:
    server.answers = [Raw(b"<!doctype html><html>Open WebUI</html>", "text/html")]
    with pytest.raises(ModelError, match="OpenAI-compatible"):
        llm.invoke("q")


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(
    server: ModelServer, llm: RemoteLLM, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(openai_server, "RETRY_SECONDS", (60.0, 60.0, 60.0))  # the header's 0 counts, not these
    busy = Refusal(status, "Loading model", {"Retry-After": "0"})
    server.answers = [busy, busy, said(ANSWER)]
    assert llm.invoke("q") == ANSWER


def test_a_server_that_stays_busy_is_an_error(
    server: ModelServer, llm: RemoteLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_server, "RETRY_SECONDS", (0.0, 0.0, 0.0))
    server.answers = [Refusal(429, "Rate limit reached")]
    with pytest.raises(ModelError, match="Rate limit reached"):
        llm.invoke("q")
    assert len(server.requests) == 4


# The model and its window


def test_an_embedder_in_the_list_is_not_asked_to_answer(server: ModelServer) -> None:
    server.models = [{"id": name} for name in ("bge-m3", "nomic-embed-text", "qwen3-reranker", "minicpm4:8b")]
    llm = connect(server.address, None, None)
    assert llm.invoke("q")
    assert server.requests[0]["model"] == "minicpm4:8b"
    server.models = [{"id": "text-embedding-3-small"}]
    with pytest.raises(ModelError, match="text-embedding-3-small"):
        connect(server.address, None, None).invoke("q")


@pytest.mark.parametrize(
    ("entry", "properties", "tokens"),
    [
        ({"max_model_len": 32768}, None, 32768),
        ({"context_length": 8192}, None, 8192),
        ({"meta": {"n_ctx": 2048}}, None, 2048),
        ({"owned_by": "llamacpp"}, {"default_generation_settings": {"n_ctx": 16384}}, 16384),
        ({"owned_by": "llamacpp"}, None, 4096),
        ({}, None, 4096),
    ],
    ids=["vllm", "openrouter", "llama.cpp-list", "llama.cpp-props", "llama.cpp-silent", "silent"],
)
def test_the_context_length_is_what_the_server_says(
    server: ModelServer, entry: dict[str, Any], properties: dict[str, Any] | None, tokens: int
) -> None:
    server.models, server.properties = [{"id": "m", **entry}], properties
    assert connect(server.address, None, None).context_tokens == tokens
    assert connect(server.address, "m", None, 1024).context_tokens == 1024, "a setting goes before it"


def test_a_test_of_the_connection_tells_models_window_and_the_first_tokens_time(server: ModelServer) -> None:
    server.models = [{"id": "bge-m3"}, {"id": "chat", "max_model_len": 8192}]
    found = connect(server.address, None, None).test()
    assert (found.models, found.model, found.context_tokens) == (("bge-m3", "chat"), "chat", 8192)
    assert found.first_token_seconds > 0


# Connections that fail


def failure(address: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        connect(address, "m", None, 4096).invoke("q")
    return caught.value


def test_an_unknown_host_is_named_as_that() -> None:
    error = failure("http://no-such-host.invalid/v1")
    assert error.message.key == "llm.server_unknown_host"
    assert "找不到" in text("zh", error.message)


def test_a_refused_connection_is_named_as_that() -> None:
    assert "connection refused" in str(failure("http://127.0.0.1:9/v1"))


def test_a_proxy_that_does_not_work_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    error = str(failure("http://10.255.255.1:8000/v1"))
    assert "127.0.0.1:9" in error or "refused" in error
    monkeypatch.setenv("ALL_PROXY", "nonsense://127.0.0.1:9")
    assert "NO_PROXY" in str(failure("http://10.255.255.1:8000/v1"))


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate that it signed itself."""
    certificate = self_signed(tmp_path)

    class Answering(Handler):
        def do_POST(self) -> None:  # noqa: N802
            self.send_json(200, {"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"https://localhost:{server.server_address[1]}/v1", certificate
    server.shutdown()
    server.server_close()


def self_signed(folder: Path) -> Path:
    x509 = pytest.importorskip("cryptography.x509")
    import datetime

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


def test_a_certificate_is_refused_by_name_and_ssl_cert_file_is_honoured_on_this_machine_too(
    encrypted: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificate = encrypted
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    error = failure(address)
    assert error.message.key == "llm.server_certificate"
    assert "self-signed" in str(error) and "SSL_CERT_FILE" in str(error)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert connect(address, "m", None, 4096).invoke("q") == "fine"
