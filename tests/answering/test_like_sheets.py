"""Like sheets of a workbook are computed over as one table; what is no part of the whole stays apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import openpyxl
import pytest
import stores
from library_parts import ingest, opened

from minicpm_rag.answering import tables
from minicpm_rag.answering.tables.telling import Computed
from minicpm_rag.library import Library


def workbook(path: Path, header: Sequence[str], sheets: dict[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in [list(header), *rows]:
            sheet.append(row)
    book.save(path)
    return path


@pytest.fixture(scope="module", params=["embedded", "postgres"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("sheets")
    months: dict[str, list[list[object]]] = {
        f"{month}月": [[shop, month * 10 + place, month * 1000] for place, shop in enumerate(["东门店", "西门店"])]
        for month in range(1, 6)
    }
    cities: dict[str, list[list[object]]] = {
        city: [[f"{city} {place}", "Engineer" if place else "Manager", 1000 * (place + 1)] for place in range(3)]
        for city in ("Berlin", "Rome")
    }
    plans: dict[str, list[list[object]]] = {
        "Budget": [["Rent", 100], ["Food", 50]],
        "Actual": [["Rent", 90], ["Food", 70]],
    }
    with ExitStack() as stack:
        with stores.chosen(request):
            library = stack.enter_context(opened(folder / "home"))
        ingest(library, workbook(folder / "门店.xlsx", ["门店", "销量", "销售额(元)"], months), kb="months")
        ingest(library, workbook(folder / "staff.xlsx", ["Employee", "Role", "Salary"], cities), kb="cities")
        ingest(library, workbook(folder / "money.xlsx", ["Item", "Amount"], plans), kb="plans")
        yield library


def computed(library: Library, question: str, kb: str) -> tuple[Computed, ...]:
    found = tables.compute(question, library, kb)
    assert found is not None
    return found.computed


@pytest.mark.parametrize(
    ("question", "kb", "rows"),
    [
        ("销售额总计是多少", "months", ((30000.0,),)),
        ("1月到3月的销售额合计", "months", ((12000.0,),)),
        ("东门店3月的销量是多少", "months", ((30.0,),)),
        ("哪个月的销售额最高", "months", ((5, 10000.0),)),
        ("average salary of engineers", "cities", ((2500.0,),)),
        ("How many employees are there in Rome?", "cities", ((3,),)),
    ],
)
def test_like_sheets_are_one_table(
    library: Library, question: str, kb: str, rows: tuple[tuple[float, ...], ...]
) -> None:
    (found,) = computed(library, question, kb)
    assert found.result.rows == rows


def test_the_rows_that_count_are_cited_on_their_own_sheets(library: Library) -> None:
    (found,) = computed(library, "1月到3月的销售额合计", "months")
    assert {place.page for place in found.places} == {1, 2, 3} and found.counted == 6


def test_plans_are_not_added_to_what_became_of_them(library: Library) -> None:
    found = computed(library, "total amount", "plans")
    assert sorted(one.result.rows[0][0] for one in found) == [150.0, 160.0]  # type: ignore[type-var]
