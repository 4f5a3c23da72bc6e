from __future__ import annotations

import json
from pathlib import Path

import pytest
from office_files import make_docx, make_epub, make_pptx, make_xlsx

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import SUFFIXES, load_file
from minicpm_rag.records import LoadedFile, Page


def load(folder: Path, name: str, content: str | bytes) -> LoadedFile:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_file(path)


def page(folder: Path, name: str, content: str | bytes) -> Page:
    [only] = load(folder, name, content).pages
    return only


def headings(page: Page) -> list[tuple[int, str]]:
    for heading in page.headings:
        assert heading.text.split(" ")[0] in page.text[heading.start :].split("\n")[0]
    return [(heading.level, heading.text) for heading in page.headings]


def rows(page: Page) -> list[tuple[int, str]]:
    """Return the data rows of the only table as (number, line), having checked its place."""
    [table] = page.tables
    assert page.text[table.start :].startswith(table.header)
    return [(number, page.text[offset : table.end].split("\n")[0]) for offset, number in table.rows]


def test_every_format_of_the_readme_is_supported() -> None:
    named = "pdf docx pptx xlsx csv tsv html mhtml md rst txt json jsonl ipynb epub eml py java go sql png jpg"
    assert {f".{name}" for name in named.split()} <= SUFFIXES


def test_word_headings_tables_and_tracked_changes(tmp_path: Path) -> None:
    [only] = load_file(make_docx(tmp_path / "手册.docx")).pages
    assert headings(only) == [(1, "员工手册"), (2, "Leave"), (1, "附则")]
    assert only.text.index("试用期为三个月。") < only.text.index("| 部门") < only.text.index("Leave")
    assert rows(only) == [(2, "| 研发 | 上海 | 12 |"), (3, "| 研发 | 北京 | 30 |"), (4, "| 合计 |  | 42 |")]
    assert "Everyone has ten days of leave." in only.text
    assert "DELETED" not in only.text


def test_slides_keep_titles_tables_charts_and_notes(tmp_path: Path) -> None:
    loaded = load_file(make_pptx(tmp_path / "a.pptx"))
    assert loaded.pages_present == 3
    first, third = loaded.pages
    assert (first.number, first.kind, first.label, third.number) == (1, "slide", "1", 3)
    assert headings(first)[0] == (1, "产品路线图")
    assert "第一季度发布 2.0 版。" in first.text
    assert rows(first) == [(2, "| Lamp | 29 EUR |")]
    assert first.text.endswith("记得提到折扣。")
    assert rows(third) == [(2, "| 2023 | 1.5 |"), (3, "| 2024 | 2.25 |")]


def test_sheets_show_values_as_a_person_sees_them(tmp_path: Path) -> None:
    loaded = load_file(make_xlsx(tmp_path / "a.xlsx"))
    prices, staff = loaded.pages
    assert (loaded.pages_present, prices.label, staff.label, staff.number) == (3, "价目表", "Staff", 3)
    assert prices.text.startswith("二〇二四年价目表\n\n| 产品 | 价格 | 日期 | 折扣 | 备注 |")
    assert rows(prices) == [
        (3, "| 台灯 | 29 | 2024-05-01 | 15% | a\\|b |"),
        (4, "| 书桌 | 199.9 | 2024-05-02 13:30 | 50% | 两行 文字 |"),
        (5, "| 书桌 | =SUM(B3:B4) |  |  | TRUE |"),
    ]
    assert rows(staff) == [(9, "| Ann | 12 |")]


def test_large_sheets_are_streamed_with_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minicpm_rag.loaders import sheets as loaders_sheets

    path = make_xlsx(tmp_path / "a.xlsx")
    whole = load_file(path).pages
    monkeypatch.setattr(loaders_sheets, "_WHOLE_BYTES", 0)
    streamed = load_file(path).pages
    assert rows(streamed[1]) == rows(whole[1])
    assert rows(streamed[0])[:2] == rows(whole[0])[:2]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", '编号,内容\n1,"有,逗号"\n2,"两行\n文字"\n\n4,"quoted ""x"""\n'),
        ("a.csv", '编号;内容\n1;有,逗号\n2;两行 文字\n\n4;quoted "x"\n'),
        ("a.tsv", '编号\t内容\n1\t有,逗号\n2\t两行 文字\n\n4\tquoted "x"\n'),
    ],
    ids=["comma", "semicolon", "tab"],
)
def test_separated_rows_keep_their_numbers(tmp_path: Path, name: str, text: str) -> None:
    only = page(tmp_path, name, text)
    assert only.tables[0].header == "| 编号 | 内容 |"
    assert rows(only) == [(2, "| 1 | 有,逗号 |"), (3, "| 2 | 两行 文字 |"), (5, '| 4 | quoted "x" |')]


HTML = """<!doctype html><html><head><title>标题栏</title><style>p{color:red}</style>
<script>var hidden1;</script></head>
<body><nav>hidden2</nav><h1>产品 <em>手册</em></h1><p>第一段，<b>加粗</b>的字。<br>新行 &amp; more</p>
<!-- hidden3 -->
<div style="display: none">hidden4</div><p hidden>hidden5</p><noscript>hidden6</noscript>
<ul><li>One<li>Two <a href="http://example.com/x">link</a></ul>
<table><tr><th rowspan="2">城市</th><th colspan="2">人数</th></tr><tr><td>男</td><td>女</td></tr>
<tr><td>上海</td><td>1</td><td>2<script>hidden7</script></td></tr></table>
<table><tr><td><h2>版面</h2><p>布局表格里的字</p></td><td>
<table><tr><td>a<td>b<tr><td>c<td>d</table></td></tr></table>
<pre>def f():
    return 1</pre>tail</body></html>"""


def test_html_keeps_structure_and_never_scripts_styles_comments_or_hidden_text(tmp_path: Path) -> None:
    only = page(tmp_path, "a.html", HTML)
    assert headings(only) == [(1, "产品 手册"), (2, "版面")]
    assert "hidden" not in only.text
    assert "color" not in only.text
    assert "第一段，加粗的字。\n新行 & more" in only.text
    assert "- One\n- Two link" in only.text
    assert "| 城市 | 人数 |\n| 城市 | 男 | 女 |\n| 上海 | 1 | 2 |" in only.text
    assert "布局表格里的字" in only.text
    assert "| a | b |\n| c | d |" in only.text
    assert "def f():\n    return 1" in only.text
    assert only.text.endswith("tail")
    assert len(only.tables) == 2


def test_html_says_its_own_encoding(tmp_path: Path) -> None:
    html = '<html><head><meta charset="gb2312"></head><body><p>短句</p></body></html>'
    loaded = load(tmp_path, "a.html", html.encode("gbk"))
    assert (loaded.pages[0].text, loaded.encoding) == ("短句", "gb18030")


def test_deeply_nested_html_is_read_to_the_bottom(tmp_path: Path) -> None:
    html = "<div><table><tr><td>" * 3000 + "最深" + "</td></tr></table></div>" * 3000
    assert page(tmp_path, "a.html", html).text == "最深"


MARKDOWN = """---
title: x
---
# 一级 *标题*

正文 `code`。

Setext
======
```python
# not a heading
| a | b |
|---|---|
```
## Second ##

| 产品 | 价格 |
|------|:----:|
| 灯 | 9 |
| 桌 | 20 |

end
"""


def test_markdown_is_kept_as_written_with_headings_and_tables(tmp_path: Path) -> None:
    only = page(tmp_path, "a.md", MARKDOWN)
    assert only.text == MARKDOWN
    assert [(h.level, h.text) for h in only.headings] == [(1, "一级 标题"), (1, "Setext"), (2, "Second")]
    assert rows(only) == [(2, "| 灯 | 9 |"), (3, "| 桌 | 20 |")]


def test_restructured_text_headings(tmp_path: Path) -> None:
    text = "=====\nTitle\n=====\n\nPart\n----\ntext\n\nSub\n~~~\n\n中文标题\n--------\n\n"
    text += "==== ====\nA    B\n==== ====\n1    2\n==== ====\n"
    only = page(tmp_path, "a.rst", text)
    assert [(h.level, h.text) for h in only.headings] == [
        (1, "Title"),
        (2, "Part"),
        (3, "Sub"),
        (2, "中文标题"),
    ]


def test_json_records_become_a_table(tmp_path: Path) -> None:
    records = [{"姓名": "张三", "age": 25, "tags": ["a", "b"]}, {"姓名": "李四", "age": None, "tags": []}]
    expected = [(1, '| 张三 | 25 | ["a", "b"] |'), (2, "| 李四 |  | [] |")]
    assert rows(page(tmp_path, "a.json", json.dumps(records))) == expected
    lines = "\n".join(json.dumps(record) for record in records)
    assert rows(page(tmp_path, "a.jsonl", lines)) == expected


def test_other_json_shows_characters_not_escapes(tmp_path: Path) -> None:
    text = page(tmp_path, "a.json", json.dumps({"公司": {"城市": "上海", "bad": "\ud800"}})).text
    assert '"城市": "上海"' in text
    text.encode()


@pytest.mark.parametrize("text", ['{"broken": 中文', "[" * 100_000, "1" * 10_000], ids=["cut", "deep", "long"])
def test_json_that_cannot_be_parsed_is_kept_as_text(tmp_path: Path, text: str) -> None:
    assert page(tmp_path, "a.json", text).text == text


def test_notebooks_keep_markdown_headings_code_and_output(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# 分析\n", "说明文字\n", "\n", "Part\n", "----\n", "more"]},
        {
            "cell_type": "code",
            "source": "print(6*7)",
            "outputs": [
                {"output_type": "stream", "text": ["42\n"]},
                {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": ["<Figure>"]}},
                {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": ["x"]},
            ],
        },
    ]
    only = page(tmp_path, "a.ipynb", json.dumps({"cells": cells, "nbformat": 4}))
    assert headings(only) == [(1, "分析"), (2, "Part")]
    assert only.text == "分析\n\n说明文字\n\nPart\n\nmore\n\nprint(6*7)\n\n42\n\n<Figure>\n\nValueError: bad"


def test_books_are_read_chapter_by_chapter_in_spine_order(tmp_path: Path) -> None:
    chapters = [
        "<html><body><h1>第二章</h1><p>后来。</p></body></html>",
        "<html><body><h2>One</h2><p>First.</p></body></html>",
    ]
    loaded = load_file(make_epub(tmp_path / "a.epub", chapters))
    assert [(p.number, p.label, p.text) for p in loaded.pages] == [
        (1, "One", "One\n\nFirst."),
        (2, "第二章", "第二章\n\n后来。"),
    ]


MAIL = b"""From: =?utf-8?b?5byg5LiJ?= <zhang@example.com>
To: li@example.com
Subject: =?gbk?B?u+HS6c2o1qo=?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="x"

--x
Content-Type: text/plain; charset=gbk
Content-Transfer-Encoding: base64

w/fM7MrAvefXvMqxv6q74aGj
--x
Content-Type: application/pdf; name="plan.pdf"
Content-Disposition: attachment; filename="plan.pdf"
Content-Transfer-Encoding: base64

AAAA
--x--
"""


def test_mail_shows_subject_people_and_body_and_names_attachments(tmp_path: Path) -> None:
    loaded = load(tmp_path, "a.eml", MAIL)
    [only] = loaded.pages
    assert headings(only) == [(1, "会议通知")]
    assert "From: 张三 <zhang@example.com>" in only.text
    assert only.text.endswith("明天世界准时开会。")
    assert str(loaded.note) == "Attachments were not read: plan.pdf."


def test_saved_web_page_is_read_from_its_html_part(tmp_path: Path) -> None:
    mhtml = (
        "From: <Saved by Blink>\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\n"
        "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
        "<html><h1>=E6=A0=87=E9=A2=98</h1><p>Saved =\ntext</p></html>\n--b\n"
        "Content-Type: text/css\n\nhidden\n--b--\n"
    )
    only = page(tmp_path, "a.mhtml", mhtml)
    assert only.text == "标题\n\nSaved text"


def test_source_code_is_kept_with_its_indentation(tmp_path: Path) -> None:
    code = "def f():\n    # 注释\n\treturn 1\n"
    assert page(tmp_path, "a.py", code).text == code


def test_line_ends_are_normalised_and_the_encoding_recorded(tmp_path: Path) -> None:
    loaded = load(tmp_path, "a.txt", "第一行的中文。\r\n第二行的中文。\r\n".encode("gbk"))
    assert loaded.pages[0].text == "第一行的中文。\n第二行的中文。\n"
    assert loaded.encoding == "gb18030"


def test_the_title_is_the_file_name_however_odd(tmp_path: Path) -> None:
    for name in ("季度 报告（最终版）.txt", 'it\'s "q" 😀.md', "line\nbreak.txt"):
        assert load(tmp_path, name, "text").title == name


def test_a_missing_file_is_a_document_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be opened"):
        load_file(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>保修两年。</p>", "水泵说明\n\n保修两年。"),
        ("<h1>说明</h1><p>保修两年。</p>", "说明\n\n保修两年。"),
    ],
)
def test_the_title_of_an_html_page_without_a_main_heading_is_its_heading(tmp_path: Path, body: str, found: str) -> None:
    file = tmp_path / "page.html"
    file.write_text(f"<html><head><title>水泵说明</title></head><body>{body}</body></html>", encoding="utf-8")
    (page,) = load_file(file).pages
    assert page.text == found
    assert page.headings[0].level == 1


def test_an_html_page_with_a_title_and_no_text_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<title>App</title><body><script>run()</script></body>", encoding="utf-8")
    with pytest.raises(DocumentError):
        load_file(file)


def test_tables_in_the_notes_of_notebooks_are_tables(tmp_path: Path) -> None:
    note = "## Tides\n\nIn metres:\n\n| Day | High |\n|---|---:|\n| Mon | 3.1 |\n| Tue | 3.4 |\n\nRead at noon."
    cells = [{"cell_type": "markdown", "source": note}]
    only = page(tmp_path, "tides.ipynb", json.dumps({"cells": cells, "nbformat": 4}))
    (table,) = only.tables
    assert only.text[table.start : table.end] == "| Day | High |\n| Mon | 3.1 |\n| Tue | 3.4 |"
    assert only.text.endswith("Read at noon.")
