"""Web pages: formulas, fields, lists and tables as they are shown, and of an article no menus."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import DATA

from minicpm_rag.loaders import load_file
from minicpm_rag.loaders.html import write_html
from minicpm_rag.loaders.writer import PageWriter

WEB = DATA / "web"


def text_of(html: str, *, is_page: bool = False) -> str:
    writer = PageWriter()
    write_html(html, writer, is_page=is_page)
    return writer.page(1).text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("html_math.html", "Break-even: Q=120/35+2^10\n\nArea 25 m², note³"),
        ("html_form_values.html", "Name Ana Soto Plan premium Deliver to the back door"),
        ("html_two_row_header.html", "| Region | Sales | Costs | Sales | Costs |\n| North | 10 | 4 | 12 | 5 |"),
    ],
)
def test_what_a_browser_shows_is_read(name: str, text: str) -> None:
    assert text in load_file(WEB / name).pages[0].text


def test_a_header_of_two_rows_names_each_column_of_a_web_table() -> None:
    (page,) = load_file(WEB / "html_two_row_header.html").pages
    assert page.tables[0].header == "| Region | 2023 Sales | 2023 Costs | 2024 Sales | 2024 Costs |"
    assert [number for _, number in page.tables[0].rows] == [3, 4]


@pytest.mark.parametrize(
    ("mathml", "text"),
    [
        ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", "√(x+1)"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", "3√x"),
        ("<msubsup><mi>a</mi><mi>i</mi><mn>2</mn></msubsup>", "a_i^2"),
        ("<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>", "∑_(i=1)^n"),
        ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac>", "(a+b)/2"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "(a,b)"),
        ("<mtable><mtr><mtd>1</mtd><mtd>2</mtd></mtr><mtr><mtd>3</mtd></mtr></mtable>", "[1, 2; 3]"),
        ("<semantics><mi>x</mi><annotation encoding='application/x-tex'>\\xi</annotation></semantics>", "x"),
        ("<mi>sin</mi><mo>&#x2061;</mo><mn>2</mn><mo>&#x2062;</mo><mi>x</mi>", "sin 2x"),
        ("<mfrac><mn>1</mn></mfrac>", "1"),  # lacks a part
    ],
)  # fmt: skip
def test_formulas_become_a_line(mathml: str, text: str) -> None:
    assert text_of(f"<p>x: <math>{mathml}</math>.</p>") == f"x: {text}."


def test_readings_above_characters_are_left_out() -> None:
    assert text_of("<p><ruby>東京<rp>(</rp><rt>とうきょう</rt><rp>)</rp></ruby>支社</p>") == "東京支社"


def test_list_items_have_their_numbers() -> None:
    html = "<ol start=3><li>甲<li>乙<ol type=a><li>one<li>two</ol><li value=9>丙</ol><ul><li>x</ul>"
    html += "<ol reversed><li>p<li>q</ol>"
    assert text_of(html) == "3. 甲\n4. 乙\na. one\nb. two\n9. 丙\n- x\n2. p\n1. q"


def test_fields_show_what_is_chosen_and_never_passwords() -> None:
    html = """<form><input type=checkbox checked> courier <input type=radio> post <input type=hidden value=no1>
    <input type=password value=no2><input type=submit value=no3><select><option>first<option>second</select>
    <select multiple><option selected>a<option>no4<option selected>c</select></form>"""
    assert text_of(html).split() == ["☒", "courier", "☐", "post", "first", "a,", "c"]


def test_a_caption_stands_above_its_table() -> None:
    html = "<table><caption>Stock in May</caption><tr><th>Item<th>Number<tr><td>Pump<td>4</table>"
    assert text_of(html) == "Stock in May\n\n| Item | Number |\n| Pump | 4 |"


PROSE = "".join(
    f"<p>Paragraph {n} of the report says that the town council agreed to rebuild bridge {n}.</p>" for n in range(9)
)
LINKS = "".join(f"<li><a href=/{n}>Section {n}</a></li>" for n in range(30))
AROUND = f"<div class=top><ul>{LINKS}</ul></div>{{}}<div id=footer><ul>{LINKS}</ul></div>"
OTHER = "<aside><p>Another article tells at length how the harbour will be dredged in the coming year.</p></aside>"


def test_the_article_of_a_news_page_is_read_without_its_menus() -> None:
    article = f"<article><h1>Bridges</h1><p>By Ann, <time>3 May</time></p>{PROSE}</article>"
    text = text_of(f"<body>{AROUND.format(article + OTHER)}</body>", is_page=True)
    assert text.startswith("Bridges\n\nBy Ann, 3 May\n\nParagraph 0")
    assert text.endswith("bridge 8.")


def test_chinese_news_are_read_without_their_menus() -> None:
    links = "".join(f"<a href=/{n}>栏目{n}</a>" for n in range(30))
    prose = "".join(f"<p>第{n}条消息：市政府昨天决定在明年春天以前重新修建城东的第{n}座大桥。</p>" for n in range(9))
    text = text_of(f"<body><div>{links}</div><div><h2>大桥</h2>{prose}</div><div>{links}</div></body>", is_page=True)
    assert text.startswith("大桥\n\n第0条消息")
    assert text.endswith("第8座大桥。")


@pytest.mark.parametrize(
    "html",
    [
        f"<body><ul>{LINKS}</ul></body>",  # a list of links is what such a page has to say
        f"<body><div><ul>{LINKS}</ul></div><p>Our sections.</p></body>",
        "<body><div class=comment>" + "</div><div class=comment>".join([PROSE] * 3) + "</div></body>",
        f"<body><main>{PROSE}</main>{OTHER}<footer>Call 0123 456 from 9 to 5.</footer></body>",
        f"<body><div class=sidebar-layout>{PROSE}<p>Short.</p></div></body>",
        f"<body><article class=share-page>{PROSE}</article><div class=shareholders><p>Few words.</p></div></body>",
        f"<body>{PROSE}<div class=related><table><tr><td>a<td>1<tr><td>b<td>2</table></div></body>",
    ],
    ids=["links", "links and a line", "comments", "no article", "odd name", "another odd name", "table"],
)
def test_pages_that_are_no_articles_lose_nothing(html: str) -> None:
    assert text_of(html, is_page=True) == text_of(html)


def test_saved_pages_and_files_lose_their_menus_and_mail_does_not(tmp_path: Path) -> None:
    html = f"<html><body>{AROUND.format(f'<article>{PROSE}</article>')}</body></html>"
    mail = f"Subject: x\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n{html}"
    saved = "MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n"
    saved += f"{html}\n--b--"
    for name, content, has_menus in (("a.html", html, False), ("a.eml", mail, True), ("a.mhtml", saved, False)):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        (page,) = load_file(path).pages
        assert ("Section 7" in page.text) is has_menus
        assert "bridge 8." in page.text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<html><body><p>One.</p></body></html><p>Two.</p>", "One.\n\nTwo."),
        ("<html><body><p>One.</p></body></html><html><body><p>Two.</p></body></html>", "One.\n\nTwo."),
        ("<html></head><body></body></html><h2>Late</h2><p>Text.</p>", "Late\n\nText."),
    ],
)
def test_what_stands_behind_the_end_of_a_page_is_read(tmp_path: Path, page: str, text: str) -> None:
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    assert load_file(tmp_path / "a.html").pages[0].text == text


def test_the_number_of_a_note_is_raised_and_no_digit_of_what_stands_before_it(tmp_path: Path) -> None:
    note = '<a href="#n1" epub:type="noteref">1</a>'
    page = f'<p>The limit is 90{note}, see <a href="#x">2</a>.</p><p>Q/HD 12 <a role="doc-backlink" href="#r">↩</a></p>'
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    assert load_file(tmp_path / "a.html").pages[0].text == "The limit is 90¹, see 2.\n\nQ/HD 12"
