"""The page waits for something that takes seconds, and lets go of it when something else is clicked."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace

import pytest

from minicpm_rag.errors import ModelError
from minicpm_rag.page.views import waiting


class EndedForTheNextRunError(Exception):
    pass


def test_what_was_waited_for_is_given_back_or_raised() -> None:
    assert waiting.done(lambda: 7) == 7

    def refused() -> None:
        raise ModelError("llm.server_lists_no_model")

    with pytest.raises(ModelError):
        waiting.done(refused)


def test_a_run_that_is_ended_for_the_next_one_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(name: str) -> None:
        raise EndedForTheNextRunError

    monkeypatch.setattr("streamlit.session_state", SimpleNamespace(get=end))
    hang = Event()
    try:
        with pytest.raises(EndedForTheNextRunError):
            waiting.done(lambda: hang.wait(300))
    finally:
        hang.set()
