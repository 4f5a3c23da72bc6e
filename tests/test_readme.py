"""The README says what is: its commands exist, its settings table is the settings, its pictures are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import REPOSITORY

from minicpm_rag import cli
from minicpm_rag.cli import program
from minicpm_rag.settings import Settings

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"python -m minicpm_rag ([a-z]+(?: decode)?)", README)))


def settings_table() -> str:
    """Print with `python tests/test_readme.py` after changing a setting."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "the user data folder" if name == "home" else field.default
        rows.append(f"| `{name.upper()}` | {'' if default in (None, ()) else default} | {field.description} |")
    return "\n".join(rows)


def test_settings_table_is_complete() -> None:
    told = README.split("<!-- settings -->")[1].split("<!-- /settings -->")[0].strip()
    assert told == settings_table()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_readme_exist(command: str) -> None:
    result = CliRunner().invoke(program, [*command.split(), "--help"])
    assert result.exit_code == 0, result.output


def test_pictures_and_linked_files_exist() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", README):
        assert Path(REPOSITORY, target).exists(), target


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


if __name__ == "__main__":
    print(settings_table())  # noqa: T201
