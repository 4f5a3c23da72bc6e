from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from minicpm_rag.page.html import markup

HINT = "no support"


def drawn(text: str, cited: tuple[int, ...] = (), unsupported: tuple[tuple[int, int], ...] = ()) -> str:
    return markup.answer(
        text,
        exchange=7,
        cited={number: f"Citation {number}: Handbuch.pdf" for number in cited},
        unsupported=unsupported,
        unsupported_hint=HINT,
    )


class Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![picture](http://example.com/spy.png)",
        "[click](javascript:alert(1))",
        "<http://example.com>",
        "[ref]\n\n[ref]: http://example.com",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        '```"><script>\n<b>code</b>\n```',
        "`<i>code</i>`",
        "| a | <b>x</b> |\n|---|---|\n| ![y](http://example.com) | 2 |",
        '<button data-mark="1:1">x</button>',
    ],
)
def test_nothing_in_a_text_can_load_or_act(hostile: str) -> None:
    for html in (drawn(hostile), markup.plain(hostile), markup.marked(hostile, [(0, 4)])):
        seen = Seen(html)
        assert not seen.tags & {"a", "img", "script", "iframe", "button", "i", "b", "link", "style"}
        assert seen.attributes <= {"class", "title"}


def test_the_address_of_a_link_stays_readable_as_text() -> None:
    assert "[price](https://example.com/a_b)" in Seen(drawn("See [price](https://example.com/a_b).")).text


def test_markdown_structure_is_drawn() -> None:
    html = drawn("**粗体** and `code`\n\n- 一\n- two\n\n| 型号 | 价格 |\n|---|---|\n| X1 | 5 |")
    assert {"strong", "code", "ul", "li", "table", "td"} <= Seen(html).tags


def test_marks_of_cited_passages_become_buttons_and_others_stay_text() -> None:
    html = drawn("年假 12 天。[1] Ask HR [2], see [9].", cited=(1, 2))
    assert re.findall(r'data-mark="([^"]+)"', html) == ["7:1", "7:2"]
    assert "[9]" in Seen(html).text


def unsupported_text(html: str) -> str:
    return "".join(re.findall(rf'<span class="rag-unsupported" title="{HINT}">(.*?)</span>', html))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("First is proven.[1] Second is not.", "Second is not."),
        ("第一句有出处。[1]第二句没有出处。", "第二句没有出处。"),
        ("- Proven.[1]\n- Made up entirely.", "Made up entirely."),
        ("**Bold claim.** Then more.", "Bold claim."),
        ("Plain. **“Quoted” bold.**", "“Quoted” bold."),
        ("# Heading that claims", "Heading that claims"),
    ],
)
def test_an_unsupported_sentence_is_wrapped_whatever_its_markdown(text: str, sentence: str) -> None:
    start = text.index(sentence)
    html = drawn(text, cited=(1,), unsupported=((start, start + len(sentence)),))
    assert unsupported_text(html) == sentence
    assert "*" not in Seen(html).text
    assert Seen(html).text.count("[1]") == 0


def test_two_unsupported_sentences_leave_the_rest_alone() -> None:
    text = "One. Two. Three. Four."
    html = drawn(text, unsupported=((0, 4), (10, 16)))
    assert unsupported_text(html) == "One.Three."
    assert Seen(html).text.strip() == text


def test_marked_text_joins_overlapping_spans_and_keeps_every_character() -> None:
    html = markup.marked("价格 < 5 & 6\n次行", [(0, 4), (3, 6), (9, 999)])
    assert re.findall("<mark>(.*?)</mark>", html) == ["价格 &lt; 5", "6<br>次行"]
    assert Seen(html).text == "价格 < 5 & 6次行"


def test_a_label_escapes_all_that_streamlit_would_read() -> None:
    assert markup.label("![x](http://e.com) :red[a]\n$b$") == r"\!\[x\]\(http\:\/\/e\.com\) \:red\[a\] \$b\$"


def test_a_table_without_support_stays_a_table_with_each_cell_marked() -> None:
    table = "| Item | Price |\n|---|---|\n| Pump | 3,400 |\n"
    html = markup.answer(table, exchange=1, cited={}, unsupported=[(0, len(table))])
    assert html.count("<tr>") == 2 and "|" not in html
    assert html.count('class="rag-unsupported"') == 4


def test_each_item_of_a_list_without_support_is_marked_by_itself() -> None:
    text = "- first\n- second\n- third"
    html = markup.answer(text, exchange=1, cited={}, unsupported=[(2, text.index("- third"))])
    assert html.count("<li>") == 3
    assert html.count('class="rag-unsupported"') == 2
    assert "<li>third</li>" in html


def test_a_citation_says_what_it_opens() -> None:
    assert 'aria-label="Citation 1: Handbuch.pdf"' in drawn("12 days. [1]", cited=(1,))


@pytest.mark.parametrize("drawn_as", [markup.name, markup.label])
def test_a_name_is_shown_in_the_order_of_its_characters(drawn_as: Callable[[str], str]) -> None:
    assert "fdp" in drawn_as("invoice\u202efdp.exe") and "\u202e" not in drawn_as("invoice\u202efdp.exe")


@pytest.mark.parametrize("end", ["\n```\n\nAnd a last sentence. [1]", ""])
def test_unsupported_code_stays_a_block_and_what_follows_stays_outside(end: str) -> None:
    text = f"So it is computed.\n\n```python\nfee = amount * days{end}"
    html = drawn(text, cited=(1,), unsupported=((0, len(text)),))
    assert "<pre><code>fee = amount * days\n</code></pre>" in html.replace("days</code>", "days\n</code>")
    assert html.count("rag-unsupported") == (2 if end else 1) and ("data-mark" in html) is bool(end)
