"""The sample documents that a script makes come out the same each time."""

from __future__ import annotations

import time
from pathlib import Path

import build_company


def test_office_documents_are_written_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    def written(folder: Path) -> dict[str, bytes]:
        folder.mkdir()
        build_company.write_contract(folder / "lease.docx", "厂房租赁合同", build_company.LEASE)
        build_company.write_slides(folder / "plan.pptx")
        build_company.write_workbook(folder / "prices.xlsx", {"Devices": build_company.EUROPE_DEVICES})
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    first = written(tmp_path / "first")
    time.sleep(2.1)  # the times in a zip file are told to two seconds
    assert written(tmp_path / "second") == first
