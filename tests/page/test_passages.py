from __future__ import annotations

import re

from minicpm_rag.page.html import passages


def marks(html: str) -> list[str]:
    return re.findall("<mark>(.*?)</mark>", html)


def test_paragraphs_headings_and_tables_are_drawn() -> None:
    text = "# 价目表\n\n第一行\n第二行\n\n| 型号 | 价格 |\n| --- | --- |\n| X1 | 5 元 |\n\n结束"
    assert passages.drawn(text, []) == (
        "<h5>价目表</h5><p>第一行<br>第二行</p>"
        '<table class="rag-grid"><tbody><tr><td>型号</td><td>价格</td></tr>'
        "<tr><td>X1</td><td>5 元</td></tr></tbody></table><p>结束</p>"
    )


def test_a_quote_is_marked_wherever_it_runs() -> None:
    text = "## Leave\nTwelve days.\nAsk HR.\n\n| A | 12 days |\n"
    html = passages.drawn(text, [(0, len(text))])
    assert marks(html) == ["Leave", "Twelve days.", "Ask HR.", "A", "12 days"]
    start = text.index("12 days")
    assert marks(passages.drawn(text, [(start, start + 7)])) == ["12 days"]


def test_a_row_with_escaped_bars_and_empty_cells_keeps_its_cells() -> None:
    html = passages.drawn(r"| a\|b |  | c |", [])
    assert re.findall("<td>(.*?)</td>", html) == ["a|b", "", "c"]


def test_what_looks_like_a_mark_but_is_none_stays_text() -> None:
    assert passages.drawn("#tag and | bar |x", []) == "<p>#tag and | bar |x</p>"
    assert passages.drawn("||", []) == "<p>||</p>"


def test_nothing_in_a_page_can_act() -> None:
    html = passages.drawn('# <script>x</script>\n| <img src="x"> | [a](b) |\n<b>c</b>', [(2, 10)])
    assert set(re.findall(r"<(\w+)", html)) <= {"h5", "mark", "table", "tbody", "tr", "td", "p", "br"}


def test_a_heading_that_only_the_file_knows_is_drawn_as_one() -> None:
    text = "Leave\nTwelve days a year.\nTravel\nAsk first.\n"
    assert passages.drawn(text, [], [0, text.index("Travel")]) == (
        "<h5>Leave</h5><p>Twelve days a year.</p><h5>Travel</h5><p>Ask first.</p>"
    )
