"""The measurements measure what they say; how quick this machine is, is not tested."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minicpm_rag import bench
from minicpm_rag.bench import cpu
from minicpm_rag.bench.quotes import PROMPT_TOKENS, ForcedAnswer, quoting_answers
from minicpm_rag.cli import main
from minicpm_rag.errors import ModelError
from minicpm_rag.llm.checkpoint import load_model

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


class CharacterTokenizer:
    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        return [ord(character) for character in text]


def test_a_model_gives_the_answers_forced_on_it_and_quotes_are_drafted() -> None:
    model = load_model(GOLDEN / "minicpm-2b-tiny", device="cpu", precision="float32")
    passage = list(range(100, 160))
    answers = [
        ForcedAnswer([1, *passage, 5, 6], [7, 8, *passage[10:50], 9]),
        ForcedAnswer([1, *passage, 3], [*passage[:40], 4]),
    ]
    plain, drafted = bench.forced_answers(model, answers)
    assert "1.00 a step" in str(plain.note)
    assert drafted.note is not None
    assert float(str(drafted.note.values["each"])) > 3


def test_quoting_answers_fill_the_prompt_and_quote_the_sentence_with_the_answer(tmp_path: Path) -> None:
    filler = {"id": "f", "title": "", "text": "Nothing of interest is said here. " * 80}
    passage = {"id": "p", "title": "", "text": "It was long ago. The tower is 330 metres tall. It stands."}
    (tmp_path / "passages.jsonl").write_text(
        "\n".join(json.dumps(row) for row in [passage, *({**filler, "id": f"f{n}"} for n in range(40))])
    )
    question: dict[str, Any] = {
        "id": "q",
        "question": "How tall?",
        "answers": ["330 metres"],
        "passage_id": "p",
    }
    (tmp_path / "questions.jsonl").write_text(json.dumps(question))
    # Passages that are alike are one text to choose from; the sample takes what there is.
    (text,) = quoting_answers(CharacterTokenizer(), tmp_path, 1)
    answer, prompt = "".join(map(chr, text.answer)), "".join(map(chr, text.prompt))
    assert "The tower is 330 metres tall." in answer
    assert passage["text"] in prompt
    assert PROMPT_TOKENS - 60 < len(text.prompt) <= PROMPT_TOKENS


def test_a_missing_question_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"questions\.jsonl"):
        quoting_answers(CharacterTokenizer(), tmp_path / "nowhere", 1)


def test_random_models_have_the_published_size() -> None:
    import torch

    model = bench.random_model("MiniCPM4-0.5B", "meta", torch.bfloat16)
    assert model.num_parameters() == 433_873_920
    with pytest.raises(ModelError, match="MiniCPM-2B"):
        bench.random_model("MiniCPM-9Z", "cpu", torch.bfloat16)


def test_decode_without_a_gpu_points_to_the_cpu_command(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    for language in ("en", "zh"):
        assert main(["--lang", language, "bench", "decode", "--random-weights", "MiniCPM-2B"]) == 2
        assert "bench cpu" in capsys.readouterr().err


def test_cpu_prints_each_row_as_it_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        cpu.CpuRow("float32", 10.25, 20.5, 300.4, 1.25, 6.5, 120),
        cpu.CpuRow("bfloat16", 5, 20, 250, 2, 3, 100),
    ]
    monkeypatch.setattr(bench, "read_bandwidth", lambda device: 20e9)
    monkeypatch.setattr(cpu, "cpu_table", lambda name, bandwidth: iter(rows))
    assert main(["--lang", "en", "bench", "cpu"]) == 0
    head, columns, first, second = capsys.readouterr().out.splitlines()
    assert head.startswith("MiniCPM4-0.5B with random weights") and "20 GB/s" in head
    assert columns.split()[:6] == ["path", "tokens/s", "limit", "share", "prompt/s", "prepared"]
    assert columns.split()[6:] == ["tokens/CPU-s", "prompt/CPU-s"]
    assert first.split() == ["float32", "10.2", "20.5", "50%", "300", "1.2", "s", "6.5", "120"]
    assert second.split()[:2] == ["bfloat16", "5.0"]
