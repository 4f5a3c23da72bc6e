"""The README and the reference say what is: commands exist, settings are listed, pictures and links are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import REPOSITORY

from minicpm_rag import cli
from minicpm_rag.cli import program

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"python -m minicpm_rag ([a-z]+(?: decode)?)", README)))


def test_the_reference_is_what_the_program_says() -> None:
    """`make reference` writes it anew. In a process of its own: the language of the command line is the process's."""
    script = REPOSITORY / "docs" / "make_reference.py"
    code = f"import runpy; made = runpy.run_path({str(script)!r}); "
    code += (
        "behind = [each for each, file in made['FILES'].items() if made['reference'](each) != file.read_text('utf-8')]"
    )
    code += "; print(behind)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_readme_exist(command: str) -> None:
    result = CliRunner().invoke(program, [*command.split(), "--help"])
    assert result.exit_code == 0, result.output


def test_pictures_and_linked_files_exist() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", README):
        assert Path(REPOSITORY, target).exists(), target


def test_the_architecture_names_files_that_are_there() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    there = [path.as_posix() for path in REPOSITORY.rglob("*.py")]
    named = re.findall(r"`([a-z_/]+\.py)`", text)
    assert len(named) > 25
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in there)] == []


def test_the_chain_s_lines_run_as_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agreement.md").write_text("The agreed defect rate is at most 200 parts per million.\n")
    assert cli.main(["ingest", str(tmp_path / "agreement.md")]) == 0
    lines = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)[0]
    exec(compile(lines, "README.md", "exec"), {})
    shown = capsys.readouterr().out.splitlines()[-1]
    assert shown.startswith("Answer(")
    assert "200 parts per million" in shown


def test_run_and_test_lines_stand_alone() -> None:
    assert "\npip install . && streamlit run streamlit_app.py\n" in README
    assert '\npip install ".[test]" && pytest -n 2 --dist loadfile\n' in README
