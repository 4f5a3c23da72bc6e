"""Prompts and answers for measuring how many draft tokens are accepted: answers that quote their passages.

Reads question sets in the evaluation's format; knows nothing of models.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minicpm_rag.errors import ModelError
from minicpm_rag.messages import reason_of
from minicpm_rag.text.scripts import has_han
from minicpm_rag.text.sentences import sentence_spans

PROMPT_TOKENS = 2048


@dataclass(frozen=True)
class ForcedAnswer:
    """A prompt and the answer that the model is forced to give, as token ids."""

    prompt: list[int]
    answer: list[int]


def quoting_answers(tokenizer: Any, folder: Path, count: int) -> list[ForcedAnswer]:
    """Prompts full of passages and answers that quote the right one, from a question set with known answers.

    `folder` holds passages.jsonl and questions.jsonl as the evaluation reads them. An answer is the known short answer,
    then the sentence of the passage that holds it, word for word, as this project asks of a model. The words that join
    the two are in no passage, so that drafting cannot copy them. Raises ModelError where a file cannot be read.
    """
    passages = {row["id"]: row["text"] for row in _rows(folder / "passages.jsonl")}
    questions = [row for row in _rows(folder / "questions.jsonl") if row["answers"]]
    chooser = random.Random(0)
    chooser.shuffle(questions)
    forced: list[ForcedAnswer] = []
    for row in questions:
        passage, answer = passages[row["passage_id"]], row["answers"][0]
        holding = [passage[a:b] for a, b in sentence_spans(passage) if answer in passage[a:b]]
        if not holding or len(forced) == count:
            continue
        others = chooser.sample([text for text in passages.values() if text != passage], 40)
        prompt = _prompt(tokenizer, [passage, *others], row["question"], chooser)
        quote = holding[0].strip()
        words = f"{answer}。原文写道：“{quote}”" if has_han(answer + passage[:50]) else f'{answer}. It says: "{quote}"'
        forced.append(ForcedAnswer(prompt, tokenizer.encode(words, add_special_tokens=False)))
    return forced


def _prompt(tokenizer: Any, passages: list[str], question: str, chooser: random.Random) -> list[int]:
    """As many passages, the first among them, as make PROMPT_TOKENS with the question."""
    end = tokenizer.encode(f"\n\n{question}<AI>", add_special_tokens=False)
    kept: list[list[int]] = []
    left = PROMPT_TOKENS - len(end) - 10
    for passage in passages:
        ids = tokenizer.encode(f"\n\n{passage}", add_special_tokens=False)[: max(0, left)]
        left -= len(ids)
        kept.append(ids)
    chooser.shuffle(kept)
    start = tokenizer.encode("<用户>", add_special_tokens=False)
    return [1, *start, *(token for ids in kept for token in ids), *end]


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as exc:
        raise ModelError("llm.bench_questions_unreadable", path=path, why=reason_of(exc)) from exc
