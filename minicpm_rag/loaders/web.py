"""Fetches one web page by its address with langchain-community's loader; nothing it refers to is loaded.

Does not know how HTML becomes text.
"""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from minicpm_rag.errors import DocumentError
from minicpm_rag.messages import reason_of

_MOST_BYTES = 30_000_000
_CONNECT_SECONDS, _READ_SECONDS, _TOTAL_SECONDS = 10, 20, 90
_HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; minicpm-rag)",
    "Accept": "text/html,application/xhtml+xml,text/plain",
}
_READABLE = ("text/html", "application/xhtml+xml", "text/plain", "text/markdown")


@dataclass(frozen=True)
class FetchedPage:
    """The bytes a server sent, and the encoding it named, "" for none."""

    data: bytes
    charset: str
    is_html: bool


def fetch(address: str) -> FetchedPage:
    """Fetch a page; raise DocumentError where there is none or it is too large."""
    try:
        parts = urlsplit(address)
    except ValueError as exc:
        raise DocumentError("loaders.no_address", address=address) from exc
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise DocumentError("loaders.no_address", address=address)
    received: list[FetchedPage] = []

    def receive(response: Any, **_: Any) -> Any:
        if not response.is_redirect and response.ok:
            received.append(_read(response))
        return response

    import requests

    loader = _loader(address)
    loader.session.hooks["response"].append(receive)
    try:
        loader.scrape()
    except requests.HTTPError as exc:
        raise DocumentError("loaders.page_missing", why=reason_of(exc)) from exc
    except requests.RequestException as exc:
        raise DocumentError("loaders.page_unreachable", why=reason_of(exc)) from exc
    return received[-1]


def _loader(address: str) -> Any:
    logging.getLogger("langchain_community.utils.user_agent").setLevel(logging.ERROR)  # wants a variable we need not
    with warnings.catch_warnings():
        # langchain-community says on import that it is no longer developed; its page loader still works.
        warnings.filterwarnings("ignore", message=r"(?s).*being sunset", category=DeprecationWarning)
        from langchain_community.document_loaders import WebBaseLoader
    return WebBaseLoader(
        address,
        header_template=dict(_HEADERS),
        raise_for_status=True,
        requests_kwargs={"timeout": (_CONNECT_SECONDS, _READ_SECONDS), "stream": True},
        autoset_encoding=False,
    )


def _read(response: Any) -> FetchedPage:
    """Read the body within limits of size and time; `response` is one of requests'."""
    kind = response.headers.get("Content-Type", "text/html").split(";")[0].strip().lower()
    if kind not in _READABLE:
        response.close()
        raise DocumentError("loaders.no_web_page", kind=kind)
    deadline = time.monotonic() + _TOTAL_SECONDS
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(65536):
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES or time.monotonic() > deadline:
            response.close()
            raise DocumentError("loaders.page_too_large")
    data = b"".join(parts)
    # The loader would decode and parse it again, by whatever encoding the server names.
    response._content, response._content_consumed, response.encoding = b"", True, "utf-8"
    charset = response.headers.get("Content-Type", "").lower().partition("charset=")[2].split(";")[0].strip("\"' ")
    return FetchedPage(data, charset, kind in _READABLE[:2])
