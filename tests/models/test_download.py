"""Downloads with ModelScope's real client against a hub on loopback that drops, corrupts and stalls."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import Hub, serve

from minicpm_rag.errors import DownloadError, DownloadStoppedError
from minicpm_rag.models.catalogue import Model
from minicpm_rag.models.fetching import _start, download
from minicpm_rag.models.manifest import MANIFEST, missing_files, superfluous

MODEL = Model("tiny", "OpenBMB/tiny", "chat", 1_000_000, 4096)
WEIGHTS = random.Random(7).randbytes(3_000_000)
FILES = {
    "config.json": b'{"model_type": "minicpm"}',
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same again, pickled",
    "说明 [zh].md": "模型说明".encode(),
    "modeling_minicpm.py": b"raise SystemExit",
    "onnx/model.onnx": b"for another runtime",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serve(Hub({"OpenBMB/tiny": dict(FILES)})) as running:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.address)
        yield running


def test_a_download_brings_every_wanted_file_whole_and_no_other(hub: Hub, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    folder = download(MODEL, tmp_path / "模型 a", on_progress=lambda done, total: steps.append((done, total)))
    wanted = {"config.json", "model.safetensors", "说明 [zh].md"}
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == wanted
    assert all((folder / name).read_bytes() == FILES[name] for name in wanted)
    size = sum(len(FILES[name]) for name in wanted)
    assert steps[-1] == (size, size)
    assert all(0 <= done <= total == size for done, total in steps)
    assert missing_files(folder, checksums=True) == []


def test_a_connection_that_drops_half_way_is_picked_up_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    hub.drop_after["model.safetensors"] = [1_000_000, 500_000]
    folder = download(MODEL, tmp_path / "m")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.fetched("model.safetensors") == ["", "bytes=1000000-", "bytes=1500000-"]


def test_a_stopped_download_goes_on_from_the_bytes_that_arrived(hub: Hub, tmp_path: Path) -> None:
    stop, hub.hold["model.safetensors"] = threading.Event(), threading.Event()
    part = tmp_path / "m/model.safetensors.incomplete"

    def stop_when_some_is_there() -> None:
        while not (part.exists() and part.stat().st_size):
            time.sleep(0.05)
        stop.set()

    threading.Thread(target=stop_when_some_is_there, daemon=True).start()
    with pytest.raises(DownloadStoppedError, match="run it again"):
        download(MODEL, tmp_path / "m", cancel=stop)
    kept = part.stat().st_size
    assert kept > 0
    assert any("model.safetensors" in str(problem) for problem in missing_files(tmp_path / "m"))
    hub.hold.clear()
    folder = download(MODEL, tmp_path / "m")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.fetched("model.safetensors")[-1] == f"bytes={kept}-"


def test_a_file_that_arrives_corrupted_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    hub.corrupt_once.add("model.safetensors")
    folder = download(MODEL, tmp_path / "m")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert len(hub.fetched("model.safetensors")) == 2


def test_a_file_that_was_damaged_on_disk_is_fetched_again_and_the_others_are_not(hub: Hub, tmp_path: Path) -> None:
    folder = download(MODEL, tmp_path / "m")
    (folder / "model.safetensors").write_bytes(bytes(len(WEIGHTS)))
    assert missing_files(folder) == []
    problems = missing_files(folder, checksums=True)
    assert [str(problem) for problem in problems] == ["model.safetensors is damaged (its checksum differs)."]
    hub.requests.clear()
    download(MODEL, folder)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.fetched("config.json") == []


def test_a_file_that_is_always_corrupted_is_an_error_and_not_a_model(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["OpenBMB/tiny"] = {"config.json": FILES["config.json"], "model.safetensors": b"short"}

    class Liar(set[str]):
        def discard(self, name: str) -> None:
            pass

    hub.corrupt_once = Liar({"model.safetensors"})
    with pytest.raises(DownloadError, match="arrived damaged"):
        download(MODEL, tmp_path / "m")
    assert [str(problem) for problem in missing_files(tmp_path / "m")] == ["model.safetensors is missing."]


def test_an_unknown_model_is_said_to_be_unknown(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"has no OpenBMB/none at revision 'master'"):
        download(Model("none", "OpenBMB/none", "chat", 0, 4096), tmp_path / "m")
    with pytest.raises(DownloadError, match="revision 'v9'"):
        download(MODEL, tmp_path / "m", revision="v9")


def test_without_a_network_the_error_names_the_way_by_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="cannot be reached") as caught:
        download(MODEL, tmp_path / "m")
    assert str(tmp_path / "m") in str(caught.value)
    assert "MINICPM_RAG_MODEL" in str(caught.value)


def test_a_hub_that_never_answers_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("minicpm_rag.models.fetching.FIRST_ANSWER_SECONDS", 2)
    hub.silent = True
    with pytest.raises(DownloadError, match="cannot be reached"):
        download(MODEL, tmp_path / "m")


def test_a_whole_model_needs_no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = download(MODEL, tmp_path / "m")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    assert download(MODEL, folder) == folder


def test_two_downloads_into_one_folder_do_not_mix(hub: Hub, tmp_path: Path) -> None:
    stop, hub.hold["model.safetensors"] = threading.Event(), threading.Event()
    outcome: list[BaseException] = []

    def first() -> None:
        try:
            download(MODEL, tmp_path / "m", cancel=stop)
        except DownloadStoppedError as error:
            outcome.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    assert hub.half_sent.wait(300)
    with pytest.raises(DownloadError, match="another download"):
        download(MODEL, tmp_path / "m")
    stop.set()
    thread.join(300)
    assert [type(error) for error in outcome] == [DownloadStoppedError]


def test_the_downloading_process_ends_with_its_parent(hub: Hub, tmp_path: Path) -> None:
    hub.hold["model.safetensors"] = threading.Event()
    process = _start(tmp_path)
    assert process.stdin is not None and process.stdout is not None
    for message in ({"id": "OpenBMB/tiny", "revision": "master", "folder": str(tmp_path / "m")}, []):
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
    assert hub.half_sent.wait(300)
    process.stdin.close()  # what a killed parent leaves behind
    assert process.wait(300) == 1
    process.stdout.close()


def test_a_disk_that_is_too_small_is_refused_before_the_first_byte(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("minicpm_rag.models.manifest.shutil.disk_usage", lambda folder: usage)
    with pytest.raises(DownloadError, match="kB free"):
        download(MODEL, tmp_path / "m")
    assert hub.fetched("model.safetensors") == []


def test_nothing_is_left_in_the_persons_home_and_the_session_changes(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("MODELSCOPE_CACHE", raising=False)
    download(MODEL, tmp_path / "a")
    first = set(hub.user_agents)
    hub.user_agents.clear()
    download(MODEL, tmp_path / "b")
    assert list(home.iterdir()) == []
    assert not first & set(hub.user_agents)
    assert {path for path, _, _ in hub.requests} == {
        "/api/v1/models/OpenBMB/tiny/repo/files",
        "/api/v1/models/OpenBMB/tiny/repo",
    }


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="--dir"):
        download(MODEL, tmp_path / "file" / "m")


def test_pickles_are_fetched_only_where_there_is_nothing_else() -> None:
    assert superfluous(["pytorch_model.bin", "config.json", "README.md"]) == []
    assert superfluous(["a.bin", "a.bin.index.json", "model-1-of-2.safetensors", "tokenizer.model"]) == [
        "a.bin",
        "a.bin.index.json",
    ]
    # safetensors of an extra adapter do not replace the weights beside config.json
    assert superfluous(["pytorch_model.bin", "adapter/x.safetensors"]) == []


def test_a_folder_copied_by_hand_has_no_manifest_and_no_complaints(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert not (tmp_path / MANIFEST).exists()
    assert missing_files(tmp_path) == []
