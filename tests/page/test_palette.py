"""What the palette leads to: all of it has a name of its own, whatever people call their conversations."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from minicpm_rag.page import shared, state
from minicpm_rag.page.views import palette


def test_conversations_called_like_each_other_are_each_led_to(monkeypatch: pytest.MonkeyPatch) -> None:
    titles = ["Pump (2)", "Pump", "Pump", "Pump (2)", "Pump (1)", "**b** <i>\n"]
    rows = [SimpleNamespace(title=title, id=number) for number, title in enumerate(titles)]
    opened: list[int] = []
    monkeypatch.setattr(palette, "t", lambda key, **values: f"{key} {values.get('name', '')}")
    monkeypatch.setattr(state, "workspace", lambda: None)
    monkeypatch.setattr(state, "user", lambda: "user")
    monkeypatch.setattr(state, "open_conversation", opened.append)
    monkeypatch.setattr(shared, "conversations", lambda: SimpleNamespace(listed=lambda user: rows))
    for name, go in palette._places().items():
        if name.startswith("in_conversation"):
            go()
    assert opened == list(range(len(titles)))
