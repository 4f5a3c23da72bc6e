"""Reads HTML: headings, paragraphs, lists and tables become page text; scripts, styles and comments never do.

Walks the tree without recursion, so nesting of any depth is fine. Loads nothing that the page refers to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.encodings import DecodedText, decode
from minicpm_rag.loaders.files import bytes_of, loaded
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import LoadedFile, Page

_DECLARED = re.compile(
    rb"""(?i)<meta[^>]{0,200}charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]+)|<\?xml[^>]{0,100}encoding=["']([\w.:-]+)"""
)
_SKIPPED = re.compile(
    r"\A(?:script|style|noscript|template|svg|annotation|annotation-xml|head|iframe|object|canvas|audio|video|select|"
    r"datalist|nav)\Z"
)
_BLOCK = re.compile(
    "p|div|section|article|main|header|footer|aside|figure|figcaption|address|blockquote|ul|ol|dl|dt|dd|form|"
    "fieldset|details|summary|body|html|hr|pre|caption|center|tr|td|th"
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_MOST_ATTRIBUTES = 5000  # of one tag
_LONG_TAG = re.compile(r"<[a-zA-Z][^<>]{20000,}")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_SEPARATOR = re.compile(r"[\s/=]+")
_HIDDEN_TAG = re.compile(r"<(script|style|noscript|template|svg|head|iframe|object|canvas|select|nav)\b", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(r"(?i)display\s*:\s*none|visibility\s*:\s*hidden")


def decode_html(data: bytes, declared: str = "") -> DecodedText:
    """Decode HTML bytes; what the page declares counts before guesses, after a byte order mark."""
    match = _DECLARED.search(data[:4096])
    named = (match.group(1) or match.group(2)).decode("ascii", "replace") if match else declared
    return decode(data, named)


def read(path: Path) -> LoadedFile:
    """Read an HTML file as one page."""
    page, _, encoding = html_page(bytes_of(path))
    return loaded(path.name, [page], encoding=encoding)


def html_page(data: bytes, declared: str = "") -> tuple[Page, str, str]:
    """Return the page that HTML bytes make, its title ("" for none), and the encoding they were in."""
    decoded = decode_html(data, declared)
    writer = PageWriter()
    title = write_html(decoded.text, writer)
    return writer.page(1), title, decoded.encoding


def write_html(text: str, writer: PageWriter) -> str:
    """Write the page's content; return its title, "" where it has none."""
    from lxml import etree, html

    if not text.strip():
        return ""
    _check_tags(text)
    # huge_tree: without it everything nested deeper than 256 is silently dropped.
    parser = html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True, no_network=True, encoding="utf-8")
    try:
        root = html.document_fromstring(text.encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as exc:
        raise DocumentError("loaders.html_unreadable", why=reason_of(exc)) from exc
    element = root.find(".//title")
    title = one_line("".join(element.itertext())) if element is not None else ""
    if title and root.find(".//h1") is None and _has_text(root):
        writer.heading(title, 1)  # what the page is about may be said nowhere else
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        writer.paragraph(_flat_text(text))
    else:
        _Walk(writer).write(root)
    return title


def _check_tags(text: str) -> None:
    """Refuse tags of thousands of attributes, for which libxml2 takes quadratic time."""
    for tag in _LONG_TAG.finditer(text):
        outside_quotes = _QUOTED.sub("=", tag.group())
        if len(_SEPARATOR.findall(outside_quotes)) > _MOST_ATTRIBUTES:
            raise DocumentError("loaders.html_unreadable", why=Message("loaders.too_many_attributes"))


def _has_text(root: Any) -> bool:
    """Whether the body has text to read; scripts and styles are none."""
    stack = [root.find("body")]
    while stack:
        element = stack.pop()
        if element is None or not isinstance(element.tag, str) or element.tag in ("script", "style", "noscript"):
            continue
        if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
            return True
        stack += element
    return False


def _flat_text(text: str) -> str:
    """Return the bare text of HTML nested deeper than 2048, which libxml2 cuts off even with huge_tree."""
    parts: list[str] = []
    position = 0
    while (start := text.find("<", position)) >= 0:
        parts.append(text[position:start])
        hidden = _HIDDEN_TAG.match(text, start)
        if text.startswith("<!--", start):
            end = text.find("-->", start)
        elif hidden is not None:
            closing = re.compile(f"</{hidden.group(1)}[^<>]*", re.IGNORECASE).search(text, start)
            end = closing.end() if closing is not None else -1
        else:
            end = text.find(">", start)
        if end < 0:  # left open: what follows cannot be told from it
            break
        position = text.find(">", end) + 1 or len(text)
    else:
        parts.append(text[position:])
    return unescape("\n".join(part.strip() for part in parts if part.strip()))


class _Walk:
    def __init__(self, writer: PageWriter) -> None:
        self._writer = writer
        self._text: list[str] = []
        self._item = ""  # mark of the list item that begins with the text to come
        self._preformatted = 0

    def write(self, root: Any) -> None:
        for event, element in _events(root):
            if event == "start":
                self._start(element)
            else:
                self._end(element)
        self._flush()

    def _start(self, element: Any) -> None:
        tag = element.tag
        if tag == "table" and _is_data_table(element):
            self._flush()
            self._writer.table(_rows(element))
            return
        if tag in _HEADINGS:
            self._flush()
            self._writer.heading(_inner_text(element), _HEADINGS[tag])
            return
        if tag == "br":
            self._text.append("\n")
        elif tag == "li":
            self._flush()
            self._item = "- "
        elif _BLOCK.fullmatch(tag):
            self._flush()
        if tag == "pre":
            self._preformatted += 1
        if tag == "img" and element.get("alt", "").strip():
            self._text.append(f" {element.get('alt')} ")
        self._add(element.text)

    def _end(self, element: Any) -> None:
        if _BLOCK.fullmatch(element.tag) or element.tag in ("li", "table"):
            self._flush()
        if element.tag == "pre":
            self._preformatted -= 1
        self._add(element.tail)

    def _add(self, text: str | None) -> None:
        if text:
            self._text.append(text if self._preformatted else re.sub(r"[ \t\r\n\f]+", " ", text))

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        if not self._preformatted:
            text = "\n".join(line.strip(" ") for line in text.split("\n")).strip()
        if text.strip():
            self._writer.paragraph(self._item + text, separator="\n" if self._item else "\n\n")
            self._item = ""


def _events(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield ("start" or "end", element) for what is shown, without going into what is written whole."""
    stack: list[tuple[Any, Iterator[Any]]] = []
    element: Any = root
    while True:
        if _is_shown(element):
            yield "start", element
            whole = element.tag in _HEADINGS or (element.tag == "table" and _is_data_table(element))
            stack.append((element, iter(()) if whole else iter(element)))
        else:
            stack.append((_Tail(element.tail), iter(())))
        while stack:
            child = next(stack[-1][1], None)
            if child is not None:
                element = child
                break
            yield "end", stack.pop()[0]
        if not stack:
            return


class _Tail:
    """Stands for a hidden element, of which only the text after it counts."""

    tag = ""

    def __init__(self, tail: str | None) -> None:
        self.tail = tail


def _is_shown(element: Any) -> bool:
    return (
        isinstance(element.tag, str)
        and not _SKIPPED.match(element.tag)
        and element.get("hidden") is None
        and element.get("aria-hidden") != "true"
        and not _HIDDEN_STYLE.search(element.get("style", ""))
    )


def _is_data_table(table: Any) -> bool:
    """Tell a table of data from one that lays out the page, with tables or headings inside, or one column."""
    if any(True for tag in ("table", "h1", "h2", "h3") for _ in _inside(table, tag)):
        return False
    widths = [sum(1 for cell in row if cell.tag in ("td", "th")) for row in _inside(table, "tr")]
    return len(widths) > 1 and max(widths) > 1


def _inside(element: Any, tag: str) -> Iterator[Any]:
    for found in element.iter(tag):
        if found is not element:
            yield found


def _rows(table: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table, first 1; a cell over several rows is repeated in each."""
    waiting: dict[int, tuple[int, str]] = {}  # column: (rows still to fill, text)
    for number, row in enumerate(_inside(table, "tr"), start=1):
        cells: list[str] = []
        for cell in [*(c for c in row if c.tag in ("td", "th") and _is_shown(c)), None]:
            while len(cells) in waiting:
                column = len(cells)
                left, text = waiting.pop(column)
                count("cells")
                cells.append(text)
                if left > 1:
                    waiting[column] = (left - 1, text)
            if cell is None:
                break
            text = _inner_text(cell)
            column, height, width = len(cells), _span(cell, "rowspan"), _span(cell, "colspan")
            count("cells", width)
            cells += [text] + [""] * (width - 1)
            if height > 1:
                waiting |= {column + step: (height - 1, text if step == 0 else "") for step in range(width)}
        yield number, cells


def _span(cell: Any, name: str) -> int:
    value = cell.get(name, "1").strip()
    return min(int(value), 1000) if value.isdigit() and value.isascii() and len(value) < 5 and int(value) else 1


def _inner_text(element: Any) -> str:
    """Return the shown text inside an element on one line."""
    parts = []
    for event, inner in _events(_Whole(element)):
        if event == "start":
            if _BLOCK.fullmatch(inner.tag) or inner.tag in ("br", "li"):
                parts.append(" ")
            parts.append(inner.text or "")
        else:
            parts.append((" " if _BLOCK.fullmatch(inner.tag) else "") + (inner.tail or ""))
    return one_line(re.sub(r"\s+", " ", "".join(parts)))


class _Whole:
    """Lets the walk go into an element it would write whole."""

    tag = "span"
    tail = None

    def __init__(self, element: Any) -> None:
        self._element = element
        self.text = element.text

    def __iter__(self) -> Iterator[Any]:
        return iter(self._element)

    def get(self, name: str, default: str | None = None) -> str | None:
        return default if name == "style" else None
