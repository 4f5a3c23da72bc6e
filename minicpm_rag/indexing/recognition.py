"""Which documents text recognition would read, or read better, now that it is installed."""

from __future__ import annotations

from minicpm_rag.messages import Message

_WANTED = ("loaders.install_ocr", "loaders.picture_needs_ocr", "loaders.picture_needs_ocr.remedy")


def wants_recognition(*said: Message | None) -> bool:
    """Whether what was said of a document names text recognition as the remedy."""
    found = [message for message in said if message is not None]
    inside = [value for message in found for value in message.values.values() if isinstance(value, Message)]
    return any(message.key in _WANTED for message in found) or (bool(inside) and wants_recognition(*inside))
