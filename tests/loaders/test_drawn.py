"""Text in drawings (svg), in files of their own and in web pages."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file

DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg"><title>采购流程</title><desc>从申请到付款</desc>'
    "<defs><text>never shown</text></defs>"
    '<g transform="translate(10, 20)"><text x="5" y="10">提交申请</text><text x="90" y="10">部门审批</text></g>'
    '<text x="1" y="90">Line one<tspan x="1" dy="12">line <tspan>two</tspan></tspan></text>'
    '<text y="120" style="display: none">hidden</text>'
    '<foreignObject><div xmlns="http://www.w3.org/1999/xhtml">付款 <b>三日内</b></div></foreignObject></svg>'
)
TEXT = "采购流程\n\n从申请到付款\n\n提交申请 部门审批\nLine one\nline two\n付款 三日内"


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.svg", "a.svgz"])
def test_a_drawing_is_its_title_and_the_texts_drawn_a_line_for_each_height(tmp_path: Path, name: str) -> None:
    data = DRAWING.encode()
    loaded = load_file(written(tmp_path / name, gzip.compress(data) if name.endswith("z") else data))
    assert (loaded.pages[0].text, loaded.note) == (TEXT, None)
    assert loaded.pages[0].headings[0].text == "采购流程"


def test_a_drawing_whose_namespaces_are_entities_is_read(tmp_path: Path) -> None:
    head = '<?xml version="1.0"?><!DOCTYPE svg [\n<!ENTITY ns_svg "http://www.w3.org/2000/svg">\n]>\n'
    drawing = DRAWING.replace("http://www.w3.org/2000/svg", "&ns_svg;")
    assert load_file(written(tmp_path / "a.svg", (head + drawing).encode())).pages[0].text == TEXT


def test_a_drawing_of_outlines_alone_has_no_text(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no text"):
        load_file(written(tmp_path / "a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>'))


def test_a_drawing_cut_off_is_read_up_to_there_and_named(tmp_path: Path) -> None:
    loaded = load_file(written(tmp_path / "a.svg", DRAWING[: DRAWING.index("Line one")].encode()))
    assert loaded.pages[0].text.endswith("提交申请 部门审批")
    assert "a.svg" in str(loaded.note)


def test_the_texts_of_a_drawing_in_a_web_page_stand_where_it_stands(tmp_path: Path) -> None:
    icon = "<svg><title>search</title><path d='M0 0'/></svg>"
    drawing = "<svg><text y='1'>一季度</text><text y='1'>二季度</text><text y='9'>120</text></svg>"
    page = f"<html><head><title>T</title></head><body><p>Before{icon}.</p>{drawing}<p>After.</p></body></html>"
    text = load_file(written(tmp_path / "a.html", page.encode())).pages[0].text
    assert text == "T\n\nBefore.\n\n一季度 二季度\n120\n\nAfter."
