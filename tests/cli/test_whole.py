"""`summarize`, `compare` and `table` on the sample documents."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from minicpm_rag.cli import main


@pytest.fixture(autouse=True)
def _use_home(knowledge_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICPM_RAG_HOME", str(shutil.copytree(knowledge_home, tmp_path / "copy")))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_summarize_and_compare_cite_their_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--lang", "zh", "summarize", "员工手册.pdf")
    assert "\n\n引用：" in out and "\n\n\n" not in out
    assert code == 0 and "**第三章 休假**" in out and "[1] 员工手册.pdf" in out
    code, out, _ = run(
        capsys, "--lang", "en", "compare", "distribution_agreement.docx", "supplier_agreement.md", "--json"
    )
    assert code == 0 and json.loads(out)["answer"].startswith("Compared sentence by sentence")


def test_table_lists_the_tables_and_computes_over_them(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--lang", "en", "table")
    assert code == 0 and "price_list.csv" in out
    code, out, _ = run(capsys, "table", "--json")
    assert code == 0 and {"price_list.csv"} <= {each["title"] for each in json.loads(out)}
    code, _, err = run(capsys, "--lang", "en", "table", "How do I feed a cat?")
    assert code == 0 and "was not understood" in err
