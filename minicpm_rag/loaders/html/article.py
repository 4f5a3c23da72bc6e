"""The article of a web page without the menus around it: what surrounds its running text is hidden.

Most of the running text of a page stands together in one element. What stands beside the elements that lead to it is
hidden where it is a list of links without such text. Of a page that says that it is an article (Open Graph, schema.org,
one `article` element), parts named as surroundings are hidden too, whatever text they have: comments, other articles,
what every page of the site has below. Headings, tables, code and formulas always stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from minicpm_rag.loaders.html.shown import BLOCK, is_shown

_TOGETHER = 0.7  # of the running text stands in the article
_LEAST_ARTICLE = 400  # letters of running text; a Chinese character counts for three
_LEAST_PARAGRAPH = 80
_MOST_LINKED = 0.4  # of the letters of running text are links
_LONGEST_DATE_LINE = 100  # with the author: more than that is a list of other articles
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_HELD = frozenset(["h1", "table", "pre", "math"])
_SURROUNDINGS = re.compile(
    r"(?i)(?<![a-z])(?:comment|disqus|foot|side|menu|breadcrumb|banner|masthead|toolbar|pagination|related|recommend|"
    r"promo|newsletter|cookie|consent|subscri|social|share(?!holder)|sharing|sponsor|login|signin|outbrain|taboola)"
)
_ROLES = frozenset(["complementary", "contentinfo", "navigation", "banner", "search"])
_ARTICLE_TYPE = re.compile(r"(?i)(?:article|blogposting)\b")
_LINKED_DATA_TYPE = re.compile(r'"@type"\s{0,20}:\s{0,20}\[?\s{0,20}"\w{0,20}(?:Article|BlogPosting)"')


@dataclass
class _Letters:
    """What an element holds, in letters."""

    all: int = 0
    linked: int = 0
    running: int = 0
    article: int = 0  # of the running text, what is not in a part named as surroundings
    is_named: bool = False  # as surroundings, itself or what it stands in
    holds: bool = False  # what always stays

    def add(self, other: _Letters) -> None:
        self.all += other.all
        self.linked += other.linked
        self.running += other.running
        self.article += other.article
        self.holds |= other.holds


def hide_surroundings(root: Any) -> None:
    """Mark as hidden what surrounds the running text of a page; a page with little of that is left as it is."""
    body = root.find("body")
    if body is None:
        return
    letters = _letters(body)
    # Where most text stands in parts named as surroundings, these names do not mean what they mean elsewhere.
    names_count = _is_called_article(root, body) and letters[body].article >= letters[body].running / 2
    if not names_count:
        for held in letters.values():
            held.article, held.is_named = held.running, False
    total = letters[body].article
    if total < _LEAST_ARTICLE:
        return
    element = body
    while True:
        child = max((one for one in element if one in letters), key=lambda one: letters[one].article, default=None)
        if child is None or letters[child].article < _TOGETHER * total or child.tag in ("p", "td", "pre"):
            break
        for other in element:
            if other is not child and other in letters and _is_surroundings(other, letters[other]):
                other.set("hidden", "")
        element = child
    for part in element.iterdescendants():
        if part in letters and letters[part].is_named and not letters[part].running and not letters[part].holds:
            part.set("hidden", "")


def _is_called_article(root: Any, body: Any) -> bool:
    for meta in root.iter("meta"):
        name = meta.get("property", "")
        if name.startswith("article:") or (name == "og:type" and _ARTICLE_TYPE.match(meta.get("content", ""))):
            return True
    if any(
        _LINKED_DATA_TYPE.search(script.text or "")
        for script in root.iter("script")
        if "ld+json" in script.get("type", "")
    ):
        return True
    if any(_ARTICLE_TYPE.search(element.get("itemtype", "")) for element in body.iter("*")):
        return True
    return sum(1 for _ in body.iter("article")) == 1


def _is_surroundings(element: Any, letters: _Letters) -> bool:
    if letters.holds or letters.article or element.tag in _HEADINGS:
        return False
    if letters.is_named:
        return True
    is_date_line = letters.all < _LONGEST_DATE_LINE and any(True for _ in element.iter("time"))
    return letters.linked > _MOST_LINKED * letters.all and not is_date_line


def _is_named(element: Any) -> bool:
    if element.tag in ("body", "main", "article"):
        return False
    names = f"{element.get('class', '')} {element.get('id', '')}"[:500]
    return element.tag in ("aside", "footer") or element.get("role") in _ROLES or bool(_SURROUNDINGS.search(names))


def _letters(body: Any) -> dict[Any, _Letters]:
    """What each shown element holds, found in one walk."""
    found: dict[Any, _Letters] = {}
    own: dict[Any, _Letters] = {}  # of a block, without the blocks inside it
    stack = [(body, body, False)]
    while stack:
        element, block, is_linked = stack.pop()
        if not is_shown(element):
            continue
        if BLOCK.fullmatch(element.tag) or element.tag in _HEADINGS or element.tag == "li":
            block = element
        named = _is_named(element) or (element is not body and found[element.getparent()].is_named)
        found[element] = _Letters(is_named=named, holds=element.tag in _HELD)
        is_linked |= element.tag == "a"
        size = _size(element.text) + sum(_size(child.tail) for child in element)
        for letters in (found[element], own.setdefault(block, _Letters())):
            letters.all += size
            letters.linked += size if is_linked else 0
        stack += [(child, block, is_linked) for child in element]
    for block, letters in own.items():
        is_running = letters.all >= _LEAST_PARAGRAPH and letters.linked < _MOST_LINKED * letters.all
        if is_running and block.tag not in _HEADINGS:
            found[block].running = letters.all
            found[block].article = 0 if found[block].is_named else letters.all
    for element in reversed([*found][1:]):  # those inside an element come after it
        found[element.getparent()].add(found[element])
    return found


def _size(text: str | None) -> int:
    stripped = (text or "").strip()
    return len(stripped) + 2 * len(_WIDE.findall(stripped))
