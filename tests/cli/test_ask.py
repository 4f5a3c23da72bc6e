from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from minicpm_rag.cli import main

LEAVE = "工龄满十年的员工年假有多少天？"
FRANCE = "What is the capital of France?"


@pytest.fixture(scope="module")
def home(knowledge_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(knowledge_home, tmp_path_factory.mktemp("copy") / "home")


@pytest.fixture(autouse=True)
def _use_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICPM_RAG_HOME", str(home))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_answer_and_citations_go_to_stdout_the_rest_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "ask", LEAVE)
    answer, citations = out.split("\n\n引用：\n")
    assert code == 0 and "十五天" in answer and "[1]" in answer
    assert "[1] 员工手册.pdf 第3页" in citations and "十五天" in citations
    assert "无模型模式" in err and "minicpm-rag download" in err and "无模型模式" not in out


def test_an_english_question_is_served_in_english(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "ask", "How long does the built-in battery of the AirLeaf 200 last?")
    assert code == 0 and "11 hours" in out and "\n\nCitations:\n" in out and "No-model mode" in err


def test_a_refusal_shows_the_nearest_passages_and_the_way_round_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = run(capsys, "ask", FRANCE)
    assert code == 0 and "too little evidence" in out
    assert "--anyway" in err and "[3] " in err and "[4] " not in err
    code, out, err = run(capsys, "ask", FRANCE, "--anyway")
    assert code == 0 and "too little evidence" not in out and "Citations:" in out


def test_json_is_all_there_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "ask", LEAVE, "--json")
    answer = json.loads(out)
    assert code == 0 and answer["mode"] == "extractive" and answer["evidence"] >= answer["threshold"]
    citation = answer["citations"][0]
    assert citation["title"] == "员工手册.pdf" and citation["page"] == 3
    start, end = citation["sentence"]
    assert answer["answer"][start:end] == citation["quote"]


def test_search_shows_passages_with_scores(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "search", LEAVE, "--limit", "2")
    assert code == 0 and out.startswith("[1] 员工手册.pdf 第3页") and out.splitlines()[0].endswith("  1.000")
    assert "[2] " in out and "[3] " not in out and err.startswith("证据 ")
    _, _, err = run(capsys, "--lang", "en", "search", LEAVE)
    assert err.startswith("evidence 1.00, threshold 0.30")


def test_search_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    _, chinese, _ = run(capsys, "search", LEAVE, "--limit", "1", "--explain")
    assert "第 1 段" in chinese and "不在最好的几段之中" in chinese
    code, out, _ = run(capsys, "--lang", "en", "search", LEAVE, "--limit", "1", "--explain")
    assert code == 0 and "passage 1" in out and "not among the best" in out
    assert " #1 " in out and max(map(len, out.split("Score  ")[1].splitlines())) < 140


def test_search_prints_json_with_the_fate_of_each_candidate(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "search", "gas sensor", "--json", "--explain")
    found = json.loads(out)
    assert code == 0 and found["passages"][0]["text"] and found["candidates"][0]["fate"] == "passage 1"
    first = found["candidates"][0]
    assert (first["keyword_rank"], first["dense_rank"]) == (1, 1) and 0 < first["closeness"] < 1


def test_an_empty_knowledge_base_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kb", "create", "空的"]) == 0
    code, out, err = run(capsys, "ask", LEAVE, "--kb", "空的")
    assert code == 0 and "知识库里还没有文档" in out and "minicpm-rag ingest" in err
    _, out, err = run(capsys, "ask", FRANCE, "--kb", "空的")
    assert "There are no documents yet" in out and "minicpm-rag ingest" in err
    _, _, err = run(capsys, "--lang", "en", "table", "--kb", "空的")
    assert "There are no documents" in err
    code, out, err = run(capsys, "--lang", "zh", "eval", "--kb", "空的")
    assert code == 1 and out == "" and "请先添加文档" in err


@pytest.mark.parametrize(
    ("spoken", "said"), [("zh", "资料库里还没有任何文档"), ("en", "There are no documents yet. Add some")]
)
def test_asked_before_anything_was_ingested_the_next_step_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spoken: str, said: str
) -> None:
    monkeypatch.setenv("MINICPM_RAG_HOME", str(tmp_path / "new"))
    code, out, err = run(capsys, "--lang", spoken, "ask", LEAVE)
    assert code == 1 and out == "" and said in err and "minicpm-rag ingest" in err


@pytest.mark.parametrize("command", ["ask", "search"])
def test_an_unknown_knowledge_base_is_one_line(capsys: pytest.CaptureFixture[str], command: str) -> None:
    _, _, chinese = run(capsys, command, LEAVE, "--kb", "没有")
    assert chinese.splitlines()[-1].startswith("错误：")
    code, out, err = run(capsys, "--lang", "en", command, LEAVE, "--kb", "没有")
    assert code == 1 and out == "" and err.splitlines()[-1].startswith("error: ") and "没有" in err


@pytest.mark.parametrize("command", ["ask", "search"])
def test_a_blank_question_is_wrong_usage(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, err = run(capsys, command, "  ")
    assert code == 2 and out == "" and "The question is blank" in err


def test_two_quotes_of_one_place_stand_under_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "ask", "年假有什么规定")
    citations = out.split("引用：\n")[1].splitlines()
    assert code == 0 and len(citations) > 2
    places = [line for line in citations if not line.startswith("    ")]
    assert len(places) == len({line[:3] for line in places})


def test_control_characters_of_a_document_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "evil.txt").write_text(
        "The secret colour is \x1b[31mred\x1b[0m and always will be.\n", encoding="utf-8"
    )
    assert main(["ingest", "--kb", "evil", str(tmp_path / "evil.txt")]) == 0
    code, out, err = run(capsys, "ask", "What is the secret colour?", "--kb", "evil", "--anyway")
    assert code == 0 and "red" in out and "\x1b" not in out + err


@pytest.mark.parametrize(("letter", "question"), [("\x1b", "What is the deposit?"), ("\u202e", "押金是多少？")])
def test_characters_in_a_name_that_move_the_cursor_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, letter: str, question: str
) -> None:
    base = f"names {ord(letter)}"
    name = f"a{letter}[2J\x07.md"
    (tmp_path / name).write_text(f"# Rent 租金{letter}[31m\n\nThe deposit is 500 yuan.\n\n押金是500元。\n", "utf-8")
    (tmp_path / f"b{letter}.zip").write_bytes(b"")
    commands: list[tuple[str, ...]] = [
        ("ingest", "--kb", base, str(tmp_path)),
        ("ask", question, "--kb", base, "--anyway"),
        ("search", question, "--kb", base, "--explain"),
        ("summarize", name, "--kb", base),
        ("remove", f"c{letter}.md", "--kb", base),
        ("remove", str(tmp_path / name), "--kb", base),
    ]
    for command in commands:
        _, out, err = run(capsys, *command)
        shown = out + err
        assert shown and letter not in shown and "\x07" not in shown, command


@pytest.mark.parametrize("mark", ["\u3000", "\u00a0", "\u200d"])
def test_blanks_and_joiners_in_names_and_answers_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, mark: str
) -> None:
    name = f"blanks {ord(mark)}"
    (tmp_path / f"押金{mark}说明.md").write_text(f"押金是500元{mark}，退房时退还。\n", "utf-8")
    assert run(capsys, "ingest", "--kb", name, str(tmp_path))[0] == 0
    for command in (("list",), ("ask", "押金是多少？", "--anyway")):
        code, out, err = run(capsys, *command, "--kb", name)
        assert code == 0 and f"押金{mark}说明.md" in out and "�" not in out + err


@pytest.mark.parametrize("command", ["ask", "search"])
def test_a_question_that_is_too_long_or_no_text_is_a_sentence(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, err = run(capsys, command, "Warranty? " * 100_000)
    assert code == 1 and not out and "1,000,000 characters; 10,000 are the most" in err
    code, out, err = run(capsys, command, "泵的保修期" * 2_001)
    assert code == 1 and not out and "最多 10,000 个" in err
    code, out, err = run(capsys, command, "\udcb1\udcc3 pump")
    assert code == 1 and not out and "no text in UTF-8" in err


def test_an_argument_that_is_no_text_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["remove", "\udcb1\udcc3"], ["list", "--kb", "\udcb1\udcc3"], ["kb", "delete", "\udcb1\udcc3"]):
        code, out, err = run(capsys, *arguments)
        assert code in (1, 2) and not out and "Traceback" not in err and len(err.splitlines()) == 1


def test_a_question_can_be_held_to_files_and_tags(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "tag", "员工手册.pdf", "--add", "人事", "--folder", "制度")[0] == 0
    code, out, _ = run(capsys, "list", "--in", "#人事")
    assert code == 0 and "#人事 制度/" in out and "员工手册.pdf" in out and "price_list.csv" not in out
    code, out, _ = run(capsys, "ask", LEAVE, "--in", "人事")
    assert code == 0 and "十五天" in out
    code, out, _ = run(capsys, "search", LEAVE, "--in", "price_list.csv", "--json")
    assert {passage["title"] for passage in json.loads(out)["passages"]} <= {"price_list.csv"}
    code, _, err = run(capsys, "ask", LEAVE, "--in", "没有这个文件")
    assert code == 1 and "没有这个文件" in err
    assert run(capsys, "tag", "员工手册.pdf", "--drop", "人事", "--folder", "")[0] == 0
