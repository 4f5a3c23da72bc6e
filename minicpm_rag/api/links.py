"""Links that open a passage in a browser, which sends no token: each carries a signature for just that passage."""

from __future__ import annotations

import hashlib
import hmac
import html
from dataclasses import astuple, dataclass
from urllib.parse import urlencode

from minicpm_rag.records import Page


@dataclass(frozen=True)
class Linked:
    """The words that a link opens, and for whom: the user may read them still."""

    document: int
    page: int
    start: int
    end: int
    user: str = ""


class Links:
    """Makes and checks links. The key is derived from the token, so links live as long as that does."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"minicpm-rag link\0" + secret.encode()).digest()

    def passage(self, base: str, linked: Linked) -> str:
        """The address that shows a page with the words marked."""
        query: dict[str, object] = {"start": linked.start, "end": linked.end, "signature": self._sign(linked)}
        if linked.user:
            query["user"] = linked.user
        return f"{base.rstrip('/')}/open/{linked.document}/{linked.page}?{urlencode(query)}"

    def is_valid(self, linked: Linked, signature: str) -> bool:
        """Whether this server made the link."""
        return hmac.compare_digest(self._sign(linked).encode(), signature.encode())

    def _sign(self, linked: Linked) -> str:
        values = [part for part in astuple(linked) if part != ""]  # links without a user stay what they were
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
