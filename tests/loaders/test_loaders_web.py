from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests
from web_server import Handler, served

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import isolated, load_address
from minicpm_rag.loaders import web as loaders_web

PAGE = """<html><head><meta charset="utf-8"><title>带薪 年假</title><script src="/script.js"></script>
<link rel="stylesheet" href="/style.css"></head><body><h1>请假</h1><p>每年十天。<img src="/image.png"></p>
<iframe src="/frame"></iframe><a href="/other">other</a></body></html>"""
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/page": (200, {"Content-Type": "text/html"}, PAGE.encode()),
    "/gbk": (200, {"Content-Type": "text/html; charset=GBK"}, "<p>短句</p>".encode("gbk")),
    "/idna": (200, {"Content-Type": "text/html; charset=idna"}, b"<p>hello</p>"),
    "/utf16": (200, {"Content-Type": "text/html; charset=utf-16"}, b"<p>hello</p>"),
    "/plain": (200, {"Content-Type": "text/plain; charset=utf-8"}, "纯文本 <b>".encode()),
    "/moved": (302, {"Location": "/page"}, b""),
    "/loop": (302, {"Location": "/loop"}, b""),
    "/file": (302, {"Location": "file:///etc/hosts"}, b""),
    "/picture": (200, {"Content-Type": "image/png"}, b"\x89PNG"),
    "/large": (200, {"Content-Type": "text/html"}, b"<p>" + b"x" * 200_000),
    "/empty": (200, {"Content-Type": "text/html"}, b"<html></html>"),
}


class PageHandler(Handler):
    asked: list[str]

    def do_GET(self) -> None:  # noqa: N802 (http.server asks for that name)
        self.asked.append(self.path)
        status, headers, body = ANSWERS.get(self.path, (404, {}, b"no"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[str]:
    PageHandler.asked = []
    with served(PageHandler) as address:
        yield address


def test_a_page_is_fetched_and_nothing_it_refers_to(server: str) -> None:
    loaded = load_address(f"{server}/page")
    assert loaded.title == "带薪 年假"
    assert loaded.pages[0].text == "请假\n\n每年十天。\n\nother"
    assert loaded.pages[0].headings[0].text == "请假"
    assert PageHandler.asked == ["/page"]


@pytest.mark.parametrize(
    ("path", "text"),
    [("/gbk", "短句"), ("/plain", "纯文本 <b>"), ("/moved", "请假"), ("/idna", "hello"), ("/utf16", "hello")],
)
def test_encodings_plain_text_and_moved_pages(server: str, path: str, text: str) -> None:
    assert load_address(server + path).pages[0].text.startswith(text)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/nothing", "no such page"),
        ("/loop", "cannot be fetched"),
        ("/file", "cannot be fetched"),
        ("/picture", "does not lead to a web page"),
        ("/empty", "no text"),
    ],
)
def test_what_cannot_be_fetched_is_refused(server: str, path: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        load_address(server + path)


def test_a_page_too_large_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders_web, "_MOST_BYTES", 100_000)
    with pytest.raises(DocumentError, match="too large"):
        load_address(f"{server}/large")


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://example.com/x", "/etc/passwd", "http://", "http://[bad", ""]
)
def test_only_web_addresses_are_fetched(address: str) -> None:
    with pytest.raises(DocumentError, match="not a web address"):
        load_address(address)


def test_a_server_that_is_not_there_is_a_document_error() -> None:
    with pytest.raises(DocumentError, match="cannot be fetched"):
        load_address("http://127.0.0.1:9/")


@pytest.mark.parametrize("path", ["/head", "/body"])
def test_a_server_that_drips_is_left_in_time(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Each byte comes within the limit for one read, the whole never."""

    class Dripping(Handler):
        def do_GET(self) -> None:  # noqa: N802
            if self.path == "/body":
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
            else:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            with suppress(OSError):
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.1)

    monkeypatch.setattr(isolated, "ADDRESS_SECONDS", 4)
    with served(Dripping) as address, pytest.raises(DocumentError) as caught:
        isolated.load_address(f"{address}{path}")
    assert caught.value.reason.key == "loaders.page_too_large"


@pytest.mark.filterwarnings("error")
def test_the_loader_package_is_imported_without_a_warning() -> None:
    loaders_web._loader("http://127.0.0.1:9/")


def test_canary_langchain_community_still_announces_its_end() -> None:
    """Fails where the warning that `loaders.web` silences is gone or reads differently: change the filter there."""
    program = (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    from langchain_community.document_loaders import WebBaseLoader\n"
        "print([one.category.__name__ for one in seen if 'being sunset' in str(one.message)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['DeprecationWarning']"


def test_canary_the_page_loader_and_requests_still_have_what_we_reach_into() -> None:
    """Fails where WebBaseLoader no longer fetches through its `session`, or requests keeps a body elsewhere."""
    loader = loaders_web._loader("http://127.0.0.1:9/")
    assert isinstance(loader.session, requests.Session) and loader.session.hooks == {"response": []}
    assert loader.requests_kwargs["stream"] and loader.raise_for_status
    response = requests.Response()
    assert (response._content, response._content_consumed) == (False, False)
