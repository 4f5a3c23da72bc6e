"""Links that open a passage in a browser, which sends no token: each carries a signature for just that passage."""

from __future__ import annotations

import hashlib
import hmac
import html
from urllib.parse import urlencode

from minicpm_rag.records import Page


class Links:
    """Makes and checks links. The key is derived from the token, so links live as long as that does."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"minicpm-rag link\0" + secret.encode()).digest()

    def passage(self, base: str, document: int, page: int, start: int, end: int, user: str = "") -> str:
        """The address that shows a page with the words from `start` to `end` marked, while the `user` may read it."""
        query: dict[str, object] = {"start": start, "end": end}
        query["signature"] = self._sign(document, page, start, end, user)
        if user:
            query["user"] = user
        return f"{base.rstrip('/')}/open/{document}/{page}?{urlencode(query)}"

    def is_valid(self, document: int, page: int, start: int, end: int, user: str, signature: str) -> bool:
        """Whether this server made the link."""
        return hmac.compare_digest(self._sign(document, page, start, end, user).encode(), signature.encode())

    def _sign(self, *parts: int | str) -> str:
        values = [part for part in parts if part != ""]  # links without a user stay what they were
        return hmac.new(self._key, "/".join(map(str, values)).encode(), hashlib.sha256).hexdigest()[:32]


def page_html(title: str, page: Page, start: int, end: int) -> str:
    """A page's text with the quote marked, as a document that loads nothing and runs nothing."""
    before, quote, after = (html.escape(part) for part in (page.text[:start], page.text[start:end], page.text[end:]))
    heading = html.escape(f"{title} · {page.label or page.number}")
    style = "body{font:16px/1.6 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}pre{white-space:pre-wrap}"
    return (
        f'<!doctype html><meta charset="utf-8"><title>{heading}</title><style>{style}</style><h1>{heading}</h1>'
        f'<pre>{before}<mark id="quote">{quote}</mark>{after}</pre>'
    )
