"""The command line speaks the user's language: help, tables, progress, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from library_parts import write_files
from rich.cells import cell_len

from minicpm_rag.cli import language, main, program

CHINESE = "一-鿿"


@pytest.fixture(autouse=True)
def _no_language() -> Iterator[None]:
    yield
    language.choose(())


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def commands(group: click.Command, *before: str) -> Iterator[tuple[str, ...]]:
    yield before
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, *before, name)


@pytest.mark.parametrize("command", list(commands(program)), ids=" ".join)
def test_the_help_of_every_command_is_text_in_both_languages(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    _, chinese, _ = run(capsys, "--lang", "zh", *command, "--help")
    _, english, _ = run(capsys, "--lang", "en", *command, "--help")
    assert chinese.startswith("用法：") and english.startswith("Usage:")
    assert "显示这份说明后退出。" in chinese and "Show this message and exit." in english
    assert english.isascii()
    for shown in (chinese, english):
        assert max(map(cell_len, shown.splitlines())) <= 80
        assert not [word for word in shown.split() if word in language.CATALOGUE.texts]


def test_the_language_is_found_wherever_it_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--lang", "zh", "--help"], ["--help", "--lang=zh"]):
        assert run(capsys, *arguments)[1].startswith("用法：")


def test_the_shell_names_the_language_and_the_option_another(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert run(capsys, "kb", "list")[2] == "还没有知识库。先运行：minicpm-rag ingest 路径\n"
    assert run(capsys, "--lang", "en", "kb", "list")[2] == "There is none yet. Run: minicpm-rag ingest PATH\n"
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run(capsys, "kb", "list")[2].startswith("There is none yet.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no-such"], "错误：没有命令 'no-such'。"),
        (["list", "--no-such"], "错误：没有选项 '--no-such'。"),
        (["kb", "create"], "错误：缺少参数 'NAME'"),
        (["search", "x", "--limit", "400"], "错误：'--limit' 的值有误：400 不在范围 1<=x<=100 内。"),
        (["kb", "import", "/"], "错误：'FILE' 的值有误：'/' 是文件夹。"),
        (["ingest", "https://127.0.0.1/x", "--watch"], "错误：网址不能用 --watch 监视。"),
    ],
)
def test_wrong_usage_is_told_in_chinese(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    code, _, err = run(capsys, "--lang", "zh", *arguments)
    assert code == 2 and sentence in err


def test_an_unknown_language_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--lang", "de", "list")
    assert code == 2 and "'zh', 'en'" in err


def test_ingest_and_list_in_chinese(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_files(tmp_path / "f", 2)
    (tmp_path / "f" / "empty.txt").write_bytes(b"")
    code, out, err = run(capsys, "--lang", "zh", "ingest", tmp_path / "f")
    assert code == 3 and out.startswith("3 个文件：未能收录 1 个、收录 2 个（")
    assert err.startswith(f"未能收录：{tmp_path / 'f' / 'empty.txt'}：")
    assert run(capsys, "--lang", "zh", "list")[1].split()[:4] == ["标题", "状态", "页数", "片段"]
    verdicts = json.loads(run(capsys, "--lang", "zh", "ingest", tmp_path / "f", "--json")[1])
    assert {verdict["status"] for verdict in verdicts} == {"unchanged", "failed"}, "JSON has one language"
