"""JSON logs tell what happened, and nothing of documents, questions or users."""

from __future__ import annotations

import json
import logging
from typing import Any

from minicpm_rag.errors import EmbeddingError
from minicpm_rag.logs import JsonLines

SECRET = "机密合同.pdf"


def written(*call: Any, name: str = "minicpm_rag.test", error: BaseException | None = None) -> str:
    info = None if error is None else (type(error), error, error.__traceback__)
    return JsonLines().format(logging.LogRecord(name, logging.WARNING, __file__, 1, call[0], call[1:], info))


def test_a_line_is_an_object_with_the_constant_sentence_and_its_numbers() -> None:
    line = json.loads(written("%s has %d pages", SECRET, 12))
    assert (line["level"], line["logger"], line["message"]) == ("warning", "minicpm_rag.test", "%s has %d pages")
    assert line["numbers"] == [12]


def test_no_value_and_no_words_of_an_error_are_written() -> None:
    try:
        raise EmbeddingError("embedding.failed", name="m", device="cpu", words=SECRET, why=SECRET)
    except EmbeddingError as raised:
        line = written("%s was not read: %s", SECRET, raised, error=ValueError(SECRET))
    assert SECRET not in line and "\n" not in line
    ours, theirs = json.loads(line)["errors"]
    assert (ours["kind"], ours["key"], theirs["kind"]) == ("EmbeddingError", "embedding.failed", "ValueError")
    assert ours["at"][0].startswith("test_logs.py:")


def test_of_other_libraries_not_even_the_sentence_is_written() -> None:
    assert SECRET not in written(f"opened {SECRET}", name="httpx")
