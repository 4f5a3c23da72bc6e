"""A file that crashes its reader, takes too long or takes too much memory gets a verdict; the next one is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from children import misbehaving  # noqa: F401 (a fixture)
from office_files import make_docx, make_pdf
from web_server import Handler, served

import minicpm_rag
from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import frames, isolated, load_file
from minicpm_rag.messages import Message
from minicpm_rag.records import Heading, LoadedFile, Page, Table

LOOP = Path(__file__).parents[1] / "data" / "hostile" / "form_draws_itself.pdf"


def written(folder: Path, name: str, text: str = "Some text.") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        isolated.load_file(path)
    assert caught.value.remedy is not None
    return caught.value.reason.key


def test_a_child_reads_what_this_process_would(tmp_path: Path) -> None:
    for path in (make_docx(tmp_path / "a.docx"), make_pdf(tmp_path / "a.pdf", [[(50, 700, 12, "员工手册 Hello")]])):
        assert isolated.load_file(path) == load_file(path)


def test_a_refusal_crosses_the_border_with_its_values(tmp_path: Path) -> None:
    path = written(tmp_path, "a.pdf")
    with pytest.raises(DocumentError) as here:
        load_file(path)
    with pytest.raises(DocumentError) as there:
        isolated.load_file(path)
    assert (there.value.reason, there.value.remedy) == (here.value.reason, here.value.remedy)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.txt") == "loaders.cannot_be_opened"


@pytest.mark.usefixtures("misbehaving")
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("crash.txt", "loaders.reader_died"),
        ("exit.txt", "loaders.reader_died"),
        ("huge.txt", "loaders.reader_died"),
        ("lie.txt", "loaders.reader_died"),
        ("defect.txt", "loaders.reader_failed"),
    ],
)
def test_what_a_reader_may_do_is_a_verdict_and_the_next_file_is_read(tmp_path: Path, name: str, key: str) -> None:
    assert refusal(written(tmp_path, name)) == key
    assert isolated.load_file(written(tmp_path, "good.txt")).pages[0].text == "Some text."


@pytest.mark.usefixtures("misbehaving")
@pytest.mark.parametrize("name", ["hang.txt", "spin.txt"])
def test_a_file_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(isolated, "FILE_SECONDS", 1)
    assert refusal(written(tmp_path, name)) == "loaders.reader_overran"
    assert not isolated._idle


@pytest.mark.usefixtures("misbehaving")
def test_each_recognised_page_gives_a_file_its_time_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolated.load_file(written(tmp_path, "good.txt"))  # the child is there: its start takes none of the time
    monkeypatch.setattr(isolated, "FILE_SECONDS", 6)  # less than its pages take together, much more than each
    assert isolated.load_file(written(tmp_path, "scans.txt")).pages[0].text == "Some text."
    monkeypatch.setattr(isolated, "SCANS_SECONDS", 2)
    assert refusal(written(tmp_path, "scans.txt")) == "loaders.reader_overran"


@pytest.mark.usefixtures("misbehaving")
def test_a_file_that_takes_too_much_memory_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MEMORY_BYTES", 300_000_000)
    assert refusal(written(tmp_path, "eat.txt")) == "loaders.needs_memory"
    assert isolated.load_file(written(tmp_path, "good.txt")).pages


@pytest.mark.usefixtures("misbehaving")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits address space")
def test_the_system_refuses_memory_where_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MEMORY_BYTES", 300_000_000)
    monkeypatch.setattr(isolated._Child, "_watch", lambda *_: None)
    assert refusal(written(tmp_path, "eat.txt")) == "loaders.needs_memory"


@pytest.mark.usefixtures("misbehaving")
def test_what_no_store_takes_is_made_good_at_the_border(tmp_path: Path) -> None:
    loaded = isolated.load_file(written(tmp_path, "surrogate.txt"))
    assert (loaded.title, loaded.pages[0].text) == ("\ufffd", "a\ufffdb")


@pytest.mark.usefixtures("misbehaving")
def test_what_a_library_prints_does_not_fall_among_the_answers(tmp_path: Path) -> None:
    assert isolated.load_file(written(tmp_path, "print.txt")).pages[0].text == "Some text."


def test_a_child_that_died_idle_costs_no_file(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt")
    isolated.load_file(path)
    for child in isolated._idle:
        child._process.kill()
        child._process.wait()
    assert isolated.load_file(path).pages


def test_children_are_used_again_and_ended_after_some_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_idle", [])
    monkeypatch.setattr(isolated, "_FILES_EACH", 3)
    path = written(tmp_path, "a.txt")
    used = []
    for _ in range(4):
        isolated.load_file(path)
        used += [child._process.pid for child in isolated._idle]
    assert len(used) == 3  # none is left after the third
    assert used[0] == used[1] != used[2]
    isolated._idle[0].end()


def test_children_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt")
    program = (
        "import sys; from pathlib import Path; from minicpm_rag.loaders import isolated; "
        "isolated.load_file(Path(sys.argv[1])); print(isolated._idle[0]._process.pid, flush=True); input()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None and parent.stdin is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    psutil.wait_procs([child], timeout=300)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_child_imports_the_readers_and_nothing_heavy(tmp_path: Path) -> None:
    make_docx(tmp_path / "a.docx")
    program = (
        "import sys, io, json; from pathlib import Path; from minicpm_rag.loaders import child, load_file; "
        "load_file(Path(sys.argv[1])); "
        "print(json.dumps([n for n in sys.modules if '.' not in n or n.startswith('minicpm_rag.')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.docx")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    heavy = {"torch", "transformers", "chromadb", "streamlit", "langchain_core", "pydantic", "numpy", "requests"}
    names = set(json.loads(done.stdout))
    assert not names & heavy
    ours = {name.split(".")[1] for name in names if name.startswith("minicpm_rag.")}
    assert ours <= {"errors", "messages", "records", "text", "loaders"}


def test_no_program_to_start_is_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_idle", [])
    path = written(tmp_path, "a.txt")
    for program in (str(tmp_path / "no-python"), "/bin/false"):
        monkeypatch.setattr(isolated.sys, "executable", program)
        assert refusal(path) == "loaders.no_child"


def test_a_message_that_cannot_be_said_is_not_let_through() -> None:
    for written_message in ('{"key": "loaders.damaged", "values": {}}', "[" * 100_000):
        with pytest.raises(frames.BrokenFrameError):
            frames.to_error(json.dumps([written_message, ""]).encode())
    with pytest.raises(frames.BrokenFrameError):
        frames.to_error(b"[]")
    with pytest.raises(frames.BrokenFrameError):
        frames.to_picture(b"1not a picture")


def test_offsets_outside_of_a_page_are_not_let_through() -> None:
    page = [1, "text", "text", "", [{"start": 9, "level": 1, "text": "x"}], []]
    names = ("number", "text", "kind", "label", "headings", "tables")
    sent = {"title": "", "pages": [dict(zip(names, page, strict=True))], "pages_present": 1}
    sent |= {"encoding": "", "note": "", "remedy": ""}
    with pytest.raises(frames.BrokenFrameError, match="outside"):
        frames.to_loaded(json.dumps(sent).encode())


class Dripping(Handler):
    def do_GET(self) -> None:  # noqa: N802 (http.server asks for that name)
        for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000:
            self.wfile.write(bytes([letter]))
            time.sleep(0.2)


def test_a_server_that_drips_its_headers_is_left_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "ADDRESS_SECONDS", 4)
    with served(Dripping) as address, pytest.raises(DocumentError) as caught:
        isolated.load_address(address)
    assert caught.value.reason.key == "loaders.page_too_large"


def test_a_page_is_drawn_in_a_child(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [[(50, 700, 12, "Hello")]])
    picture, found = isolated.page_picture(path, 1, ["Hello"], width_pixels=300)
    assert picture.startswith(b"\x89PNG") and found
    with pytest.raises(DocumentError):
        isolated.page_picture(path, 2, [], width_pixels=300)


def test_files_are_read_at_the_same_time_by_a_few_children(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt")
    futures = [isolated.begin(lambda: isolated.load_file(path)) for _ in range(8)]
    assert all(future.result().pages for future in futures)
    assert len(isolated._idle) <= isolated._MOST_CHILDREN


def test_a_small_file_that_takes_too_much_is_not_to_be_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MEMORY_BYTES", 400_000_000)
    with pytest.raises(DocumentError) as small:
        minicpm_rag.load_file(LOOP)  # the public name reads in a child too
    assert "made to do harm" in str(small.value.remedy) and "Split" not in str(small.value)
    large = tmp_path / "large.pdf"
    large.write_bytes(LOOP.read_bytes() + b"\n%" + b" " * isolated._SMALL_BYTES)
    with pytest.raises(DocumentError) as caught:
        minicpm_rag.load_file(large)
    assert "Split" in str(caught.value.remedy)


def test_a_form_that_draws_itself_ends_its_child_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MEMORY_BYTES", 400_000_000)
    assert refusal(LOOP) in ("loaders.needs_memory", "loaders.reader_died", "loaders.reader_overran")
    with pytest.raises(DocumentError):
        isolated.page_picture(LOOP, 1, [], width_pixels=300)
    assert threading.active_count() < 50


def test_a_file_passes_in_slices_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = (Table(0, 9, "| a |", ((2, 2), (7, 3), (8, 4))), Table(3, 9, "| b |", ()))
    pages = (Page(1, "| é\n |\\ \ud800 |", "sheet", "1", (Heading(0, 1, "é"),), tables, body=(0, 5)), Page(2, "𝒳"))
    loaded = LoadedFile("a.csv", pages, 2, note=Message("loaders.no_text"))
    as_usual = frames.to_loaded(frames.from_loaded(loaded))
    assert as_usual == replace(loaded, pages=(replace(pages[0], text="| é\n |\\ \ufffd |"), pages[1]))
    for size in (1, 2, 3):
        monkeypatch.setattr(frames, "_CHARACTERS", size)
        monkeypatch.setattr(frames, "_ROWS", size)
        assert frames.to_loaded(frames.from_loaded(loaded)) == as_usual
