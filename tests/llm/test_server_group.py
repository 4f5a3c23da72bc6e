"""Several model servers behind one setting, played by small ones on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest
from model_server import ModelServer, Refusal, Reset, event, model_server, said
from waiting import wait_until

from minicpm_rag.errors import ModelError
from minicpm_rag.llm import server_group
from minicpm_rag.llm.remote import RemoteLLM, connect
from minicpm_rag.llm.server_group import ServerGroup

NOBODY = "http://127.0.0.1:9/v1"  # the discard port: nothing listens


@pytest.fixture
def servers() -> Iterator[list[ModelServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(model_server(answers=[said(name)])) for name in ("一", "二", "三")]


def over(*addresses: str) -> RemoteLLM:
    return connect(" , ".join(addresses), "m", None, 4096)


def group_of(llm: RemoteLLM) -> ServerGroup:
    assert isinstance(llm.server, ServerGroup)
    return llm.server


def test_idle_servers_take_turns(servers: list[ModelServer]) -> None:
    llm = over(*(server.address for server in servers))
    assert sorted(llm.invoke("q") for _ in range(6)) == sorted("一二三" * 2)
    assert [len(server.requests) for server in servers] == [2, 2, 2]


def test_the_least_busy_server_is_asked(servers: list[ModelServer]) -> None:
    go_on = threading.Event()

    def slowly(_: object) -> Iterator[dict[str, object]]:
        yield event({"content": "慢"})
        go_on.wait(300)
        yield event({}, "stop")

    first, second, _ = servers
    first.answers = [slowly]
    llm = over(first.address, second.address)
    reading = llm.stream("a long one")
    assert next(reading) == "慢"
    assert [llm.invoke("q") for _ in range(3)] == ["二"] * 3, "the first is at work"
    go_on.set()
    assert "".join(reading) == ""


@pytest.mark.parametrize(
    "answers",
    [
        [[Reset()]],
        [Refusal(500, "CUDA error")],
        [Refusal(503, "busy", {"Retry-After": "50"})],
        [[{"error": {"message": "EngineDeadError"}}]],
    ],
    ids=["reset", "500", "busy", "error in the stream"],
)
def test_what_fails_before_its_first_word_is_asked_of_another(
    servers: list[ModelServer], answers: list[object]
) -> None:
    servers[0].answers = answers
    llm = over(servers[0].address, servers[1].address)
    assert [llm.invoke("q") for _ in range(2)] == ["二", "二"]


def test_what_breaks_after_its_first_word_is_not_asked_again(servers: list[ModelServer]) -> None:
    servers[0].answers = [[event({"content": "半"}), Reset()]]
    llm = over(servers[0].address, servers[1].address)
    with pytest.raises(ModelError, match="broke off"):
        llm.invoke("q")
    assert servers[1].requests == []


def test_a_question_that_all_would_refuse_is_asked_once(servers: list[ModelServer]) -> None:
    servers[0].answers = [Refusal(400, "This model's maximum context length is 4096 tokens")]
    with pytest.raises(ModelError, match="longer than its window"):
        over(servers[0].address, servers[1].address).invoke("q")
    assert servers[1].requests == []


def test_a_dead_server_is_left_out_and_taken_back_when_it_answers(
    servers: list[ModelServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_group, "CHECK_SECONDS", 0.02)
    first, second, _ = servers
    first.answers = [[Reset()], said("又好了")]
    llm = over(first.address, second.address)
    assert llm.invoke("q") == "二"
    wait_until(lambda: group_of(llm).down == [])
    assert "又好了" in {llm.invoke("q") for _ in range(3)}
    llm.close()


def test_an_address_without_a_server_costs_one_question_nothing_but_time(servers: list[ModelServer]) -> None:
    llm = over(NOBODY, servers[0].address)
    assert [llm.invoke("q") for _ in range(3)] == ["一"] * 3
    assert group_of(llm).down == [NOBODY]
    assert llm.context_tokens == 4096
    llm.close()


def test_where_none_answers_the_error_names_an_address() -> None:
    llm = over(NOBODY, "http://127.0.0.1:9/other/v1")
    for _ in range(2):
        with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:9/.*cannot be reached"):
            llm.invoke("q")
    llm.close()


def test_many_readers_lose_no_answer_while_a_server_dies(servers: list[ModelServer]) -> None:
    servers[0].answers = [said("一"), said("一"), [Reset()]]
    llm = over(*(server.address for server in servers))
    found: list[str] = []
    readers = [threading.Thread(target=lambda: found.append(llm.invoke("q"))) for _ in range(12)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(300)
    assert len(found) == 12 and set(found) <= {"一", "二", "三"}
    llm.close()


def test_the_model_and_its_window_are_asked_of_a_server_that_answers() -> None:
    with model_server(models=[{"id": "minicpm", "max_model_len": 8192}]) as alive:
        llm = connect(f"{NOBODY},{alive.address}", None, None)
        assert (llm.server.model, llm.context_tokens) == ("minicpm", 8192)
        llm.close()


def test_a_test_asks_every_server(servers: list[ModelServer]) -> None:
    assert over(*(server.address for server in servers)).test().model == "m"
    assert [len(server.requests) for server in servers] == [1, 1, 1]
    with pytest.raises(ModelError, match="cannot be reached"):
        over(servers[0].address, NOBODY).test()


@pytest.mark.parametrize("addresses", list(pairwise(["", "http://127.0.0.1:1/v1", "ftp://x"])))
def test_each_address_must_be_one(addresses: tuple[str, str]) -> None:
    with pytest.raises(ModelError, match="no address"):
        over(*addresses)
