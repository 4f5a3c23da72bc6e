"""Reads HTML: headings, paragraphs, lists and tables become page text; scripts, styles and comments never do.

Of a page that is an article, the menus around it are left out (`article`). Loads nothing that the page refers to.
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.bounds import number_of
from minicpm_rag.loaders.encodings import DecodedText, decode
from minicpm_rag.loaders.files import bytes_of, loaded
from minicpm_rag.loaders.html.article import hide_surroundings
from minicpm_rag.loaders.html.shown import BLOCK, events, inner_text, is_struck, whole_text
from minicpm_rag.loaders.html.tables import is_data_table, write_table
from minicpm_rag.loaders.word.numbering import written
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import LoadedFile, Page
from minicpm_rag.text.struck import joined

_DECLARED = re.compile(
    rb"""(?i)<meta[^>]{0,200}charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]+)|<\?xml[^>]{0,100}encoding=["']([\w.:-]+)"""
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_MOST_ATTRIBUTES = 5000  # of one tag
_LONG_TAG = re.compile(r"<[a-zA-Z][^<>]{20000,}")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_PAGE_END = re.compile(r"</(?:body|html)\s*>", re.IGNORECASE)
_SEPARATOR = re.compile(r"[\s/=]+")
_HIDDEN_TAG = re.compile(r"<(script|style|noscript|template|svg|head|iframe|object|canvas|select|nav)\b", re.IGNORECASE)
_NUMBERS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}  # by a list's type


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
    title = write_html(decoded.text, writer, is_page=True)
    return writer.page(1), title, decoded.encoding


def write_html(text: str, writer: PageWriter, *, is_page: bool = False) -> str:
    """Write what HTML shows, of a web page (`is_page`) without what surrounds its article.

    Returns its title, "" where it has none.
    """
    from lxml import etree, html

    if not text.strip():
        return ""
    _check_tags(text)
    # Browsers show what stands behind the end of the page; libxml2 drops it.
    text = _PAGE_END.sub("", text)
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
        if is_page:
            hide_surroundings(root)
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
        self._text: list[tuple[str, bool]] = []  # and whether it is struck out
        self._struck = 0  # elements that are open and strike out
        self._item = ""  # mark of the list item that begins with the text to come
        self._lists: list[_List] = []  # those that are open
        self._preformatted = 0

    def write(self, root: Any) -> None:
        for event, element in events(root, _is_whole):
            if event == "start":
                self._start(element)
            else:
                self._end(element)
        self._flush()

    def _start(self, element: Any) -> None:
        tag = element.tag
        self._struck += is_struck(element)
        if tag == "table" and is_data_table(element):
            self._flush()
            write_table(element, self._writer)
            return
        if tag in _HEADINGS:
            self._flush()
            self._writer.heading(inner_text(element), _HEADINGS[tag])
            return
        if (whole := whole_text(element)) is not None:
            self._text.append((whole, self._struck > 0))
            return
        if tag == "br":
            self._text.append(("\n", False))
        elif tag == "li":
            self._flush()
            self._item = self._lists[-1].mark(element) if self._lists else "- "
        elif BLOCK.fullmatch(tag):
            self._flush()
        if tag in ("ol", "ul"):
            self._lists.append(_List(element))
        if tag == "pre":
            self._preformatted += 1
        self._add(element.text)

    def _end(self, element: Any) -> None:
        if BLOCK.fullmatch(element.tag) or element.tag in ("li", "table"):
            self._flush()
        if element.tag == "li":
            self._item = ""
        elif element.tag in ("ol", "ul"):
            self._lists.pop()
        elif element.tag == "pre":
            self._preformatted -= 1
        self._struck -= is_struck(element)
        self._add(element.tail)

    def _add(self, text: str | None) -> None:
        if text:
            shown = text if self._preformatted else re.sub(r"[ \t\r\n\f]+", " ", text)
            self._text.append((shown, self._struck > 0))

    def _flush(self) -> None:
        text = joined(self._text)
        self._text.clear()
        if not self._preformatted:
            text = "\n".join(re.sub(" {2,}", " ", line.strip(" ")) for line in text.split("\n")).strip()
        if text.strip():
            self._writer.paragraph(self._item + text, separator="\n" if self._item else "\n\n")
            self._item = ""


class _List:
    """A list that is open: counts its items, where they are numbered."""

    def __init__(self, element: Any) -> None:
        self._is_numbered = element.tag == "ol"
        self._form = _NUMBERS.get(element.get("type", ""), "decimal")
        items = sum(1 for _ in element.iterchildren("li")) if element.get("reversed") is not None else 0
        self._step = -1 if items else 1
        self._number = number_of(element.get("start"), items or 1) - self._step

    def mark(self, item: Any) -> str:
        """What stands before an item: "- ", or its number."""
        if not self._is_numbered:
            return "- "
        self._number = number_of(item.get("value"), self._number + self._step)
        return f"{written(self._number, self._form)}. "


def _is_whole(element: Any) -> bool:
    return (
        element.tag in _HEADINGS
        or (element.tag == "table" and is_data_table(element))
        or whole_text(element) is not None
    )
