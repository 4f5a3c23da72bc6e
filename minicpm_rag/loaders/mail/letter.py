"""The page that a message becomes, whatever file it came in: subject, people, text, messages forwarded in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from minicpm_rag.loaders.html import write_html
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import Page

_NAMED_ATTACHMENTS = 20
_SAME_SHARE = 0.5  # of the words of the HTML: plain text without them does not say the same
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


class Letter:
    """The message being written."""

    def __init__(self) -> None:
        self.writer = PageWriter()
        self.attachments: list[str] = []
        self.has_head = False
        self._level = 1

    def head(self, subject: str, headers: Sequence[tuple[str, str]]) -> None:
        """Write the subject as a heading, and who wrote when to whom."""
        self.writer.heading(subject, self._level)
        lines = [f"{name}: {value}" for name, value in headers if value]
        self.writer.paragraph("\n".join(lines))
        self.has_head |= bool(lines)

    @contextmanager
    def forwarded(self) -> Iterator[None]:
        """Write a message inside this one in the block."""
        before, self._level = self._level, min(self._level + 1, 6)
        try:
            yield
        finally:
            self._level = before

    def page(self, number: int = 1) -> Page:
        """What was written."""
        return self.writer.page(number)


def attachments_note(attachments: Sequence[str]) -> Message | None:
    """Names the attachments, of which none was read."""
    names = [name for name in attachments if name]
    if len(names) > _NAMED_ATTACHMENTS:
        names[_NAMED_ATTACHMENTS:] = ["…"]
    return Message("loaders.attachments", names=names) if names else None


def is_stub(plain: str, rich: str) -> bool:
    """Whether a plain text only stands in for the rich one, and does not say the same."""
    words, plain_words = (set(_WORDS.findall(text.lower())) for text in (rich, plain))
    says_less = len(plain_words) * _SAME_SHARE <= len(words)
    return says_less and len(words & plain_words) < _SAME_SHARE * len(words)


def text_of_html(html: str) -> str:
    """What HTML says."""
    writer = PageWriter()
    write_html(html, writer)
    return writer.page(1).text
