"""Binary workbooks (xlsb): values as they are shown, merged cells, hidden sheets, comments, boxes; damage is named."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from compound_files import make_compound_file
from office_files import make_xlsb, make_zip, record, wide

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import bounds, load_file

Rows = list[list[tuple[object, str]]]
HEADER: list[tuple[object, str]] = [(name, "General") for name in ("编号", "品名", "单价", "比例", "日期", "工时")]
ROWS: Rows = [
    HEADER,
    [
        (7, "00000"),
        ("泵", "General"),
        (1234.5, '"¥"#,##0.00'),
        (0.175, "0.0%"),
        (45292, "yyyy/m/d"),
        (1.5625, "[h]:mm"),
    ],
    [(-12, "00000"), ("阀", "General"), ("#DIV/0!", "General"), (True, "General"), (45292.5, "yyyy/m/d h:mm")],
]


def test_values_stand_as_their_number_formats_show_them(tmp_path: Path) -> None:
    (page,) = load_file(make_xlsb(tmp_path / "a.xlsb", ROWS)).pages
    assert page.text.split("\n") == [
        "| 编号 | 品名 | 单价 | 比例 | 日期 | 工时 |",
        "| 00007 | 泵 | ¥1,234.50 | 17.5% | 2024-01-01 | 37:30 |",
        "| -00012 | 阀 | #DIV/0! | TRUE | 2024-01-01 12:00 |",
    ]
    assert (page.label, page.tables[0].rows[0][1]) == ("库存", 2)


def test_merged_cells_are_filled_downwards_and_a_hidden_sheet_says_so(tmp_path: Path) -> None:
    rows: Rows = [[("部门", "General"), ("城市", "General")], [("研发", "General"), ("上海", "General")]]
    rows.append([("", "General"), ("北京", "General")])
    (page,) = load_file(make_xlsb(tmp_path / "a.xlsb", rows, hidden=True, merged=[(1, 2, 0, 0)])).pages
    assert page.text.endswith("| 研发 | 上海 |\n| 研发 | 北京 |")
    assert page.label == "库存 (hidden / 隐藏)"


def test_comments_and_boxes_stand_behind_the_cells(tmp_path: Path) -> None:
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "".join(
        f'<Relationship Id="{kind}" Type="{kinds}/{kind}" Target="../{name}"/>'
        for kind, name in [("comments", "comments1.bin"), ("drawing", "drawings/drawing1.xml")]
    )
    comment = record(635, struct.pack("<IIIII", 0, 1, 1, 2, 2) + bytes(16)) + record(637, b"\0" + wide("含税"))
    lines = "<a:p><a:t>截至</a:t><a:t>五月</a:t></a:p><a:p><a:t>单位：元</a:t></a:p>"
    box = f'<d xmlns:a="a"><a:txBody>{lines}</a:txBody></d>'
    extra: dict[str, bytes | str] = {
        "xl/worksheets/_rels/sheet1.bin.rels": f"<Relationships>{relations}</Relationships>",
        "xl/comments1.bin": comment,
        "xl/drawings/drawing1.xml": box,
    }
    (page,) = load_file(make_xlsb(tmp_path / "a.xlsb", ROWS, extra=extra)).pages
    assert page.text.endswith("\n\nC2: 含税\n\n截至五月\n单位：元")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "part", ["xl/workbook.bin", "xl/worksheets/sheet1.bin", "xl/styles.bin", "xl/sharedStrings.bin"]
)
def test_a_part_cut_off_gives_a_verdict_or_less_text(tmp_path: Path, part: str, share: float) -> None:
    with zipfile.ZipFile(make_xlsb(tmp_path / "a.xlsb", ROWS)) as archive:
        members: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
    members[part] = members[part][: int(len(members[part]) * share)]
    try:
        assert load_file(make_zip(tmp_path / "b.xlsb", members)).pages
    except DocumentError as exc:
        assert exc.reason.key in ("loaders.damaged", "loaders.no_text")


def test_a_panic_of_the_library_for_old_workbooks_is_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import python_calamine

    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})

    def broken(path: str) -> None:
        raise panic

    monkeypatch.setattr(python_calamine.CalamineWorkbook, "from_path", broken)
    path = make_compound_file(tmp_path / "a.xls", {"Workbook": b"x"})
    with pytest.raises(DocumentError, match="damaged"):
        load_file(path)


def test_merged_cells_that_would_make_millions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bounds.MOST, "cells", 10_000)
    path = make_xlsb(tmp_path / "a.xlsb", [[("泵", "General")] * 2000], merged=[(0, 90_000, 1999, 1999)])
    with pytest.raises(DocumentError) as caught:
        load_file(path)
    assert caught.value.reason.key == "loaders.too_many_cells"
