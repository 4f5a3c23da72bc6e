from __future__ import annotations

import re

from minicpm_rag.page.html import passages


def marks(html: str) -> list[str]:
    return re.findall("<mark>(.*?)</mark>", html)


def test_paragraphs_headings_and_tables_are_drawn() -> None:
    text = "# 价目表\n\n第一行\n第二行\n\n| 型号 | 价格 |\n| --- | --- |\n| X1 | 5 元 |\n\n结束"
    assert passages.drawn(text, []) == (
        "<h5>价目表</h5><p>第一行<br>第二行</p>"
        '<table class="rag-grid"><thead><tr><th>型号</th><th>价格</th></tr></thead>'
        "<tbody><tr><td>X1</td><td>5 元</td></tr></tbody></table><p>结束</p>"
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


def test_the_marked_row_is_lit_and_a_table_keeps_its_header() -> None:
    text = "| X1 | 5 元 |\n| X2 | 6 元 |\n| X3 |\n"
    start = text.index("X2")
    drawn = passages.drawn(text, [(start, start + 2)], header="| 型号 | 价格 |")
    assert drawn.startswith('<table class="rag-grid"><thead><tr><th>型号</th><th>价格</th></tr></thead>')
    assert re.findall('<tr class="lit">(.*?)</tr>', drawn) == ["<td><mark>X2</mark></td><td>6 元</td>"]
    assert "<tr><td>X3</td><td></td></tr>" in drawn
    known = passages.drawn("| A | B |\n| 1 | 2 |", [], header_rows=[0])
    assert known.startswith('<table class="rag-grid"><thead><tr><th>A</th><th>B</th></tr></thead><tbody>')


def test_the_chosen_sentence_and_the_section_gone_to_stand_out() -> None:
    text = "# Leave\nTwelve days. Ask first.\n"
    drawn = passages.drawn(text, [(8, 20), (21, 31)], chosen=[(21, 31)], goal=0)
    assert drawn == '<h5 class="rag-goal">Leave</h5><p><mark>Twelve days.</mark> <mark><b>Ask first.</b></mark></p>'


def test_dates_and_codes_of_a_table_stay_on_one_line_and_words_have_room() -> None:
    html = passages.drawn("| SO-26001 | 2026-01-11 | 41 | 江南设计院有限公司 |\n", [])
    assert html.count('<td class="brief">') == 2 and "<td>41</td>" in html
    assert '<td class="words">江南设计院有限公司</td>' in html
