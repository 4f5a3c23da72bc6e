"""GGUF files as they are found on a machine and in a repository: what they are, which one suits, what is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from gguf_files import is_here, write_gguf
from golden import SINGLE_SAFETENSORS
from hub_server import Hub, serve

from minicpm_rag.cli import program
from minicpm_rag.errors import CheckpointError, DownloadError
from minicpm_rag.models import download, find_local, list_gguf
from minicpm_rag.models.catalogue import Model
from minicpm_rag.models.gguf import find_gguf, format_of, read_gguf, suits_memory
from minicpm_rag.workspace.answerer import model_folder

FILES = {
    "README.md": b"a model",
    "tiny-F16.gguf": b"GGUF" + bytes(4_000),
    "tiny-Q8_0.gguf": b"GGUF" + bytes(2_000),
    "tiny-Q4_K_M.gguf": b"GGUF" + bytes(1_000),
    "mmproj-tiny-F16.gguf": b"GGUF" + bytes(500),
}
MODEL = Model("tiny-GGUF", "OpenBMB/tiny-GGUF", "chat", 1_000_000, 4096)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serve(Hub({"OpenBMB/tiny-GGUF": dict(FILES)})) as running:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.address)
        yield running


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MiniCPM5-1B-Q4_K_M.gguf", "Q4_K_M"),
        ("minicpm5-1b.q8_0.gguf", "Q8_0"),
        ("x-IQ4_XS-00001-of-00002.gguf", "IQ4_XS"),
        ("model-BF16.gguf", "BF16"),
        ("model.gguf", ""),
    ],
)
def test_a_name_tells_the_number_format(name: str, expected: str) -> None:
    assert format_of(name) == expected


def test_the_file_follows_the_memory() -> None:
    sizes = {"m-F16.gguf": 1000, "m-Q8_0.gguf": 540, "m-Q4_K_M.gguf": 330, "m-Q2_K.gguf": 200}
    assert suits_memory(sizes, 100_000) == "m-Q8_0.gguf"
    assert suits_memory(sizes, 540 * 4) == "m-Q8_0.gguf"
    assert suits_memory(sizes, 540 * 4 - 1) == "m-Q4_K_M.gguf"
    assert suits_memory(sizes, 300) == "m-Q2_K.gguf"
    assert suits_memory({"m-F16.gguf": 1000, "m-Q6_K.gguf": 400}, 900) == "m-Q6_K.gguf"


def _numbers(*numbers: tuple[int, int]) -> bytes:
    return b"".join(number.to_bytes(size, "little") for number, size in numbers)


@pytest.mark.parametrize(
    ("tensors", "keys", "content"),
    [
        (0, 2**63, b""),
        (2**63, 0, b""),
        (0, 1, _numbers((20_000_000, 8))),  # a key's name
        (0, 1, _numbers((1, 8)) + b"k" + _numbers((9, 4), (8, 4), (15_000_000, 8))),  # a list of empty texts
        (1, 0, _numbers((1, 8)) + b"t" + _numbers((2**31, 4))),  # dimensions, whose product grows with each
    ],
)
def test_a_header_beyond_reason_is_told_as_damage_before_it_is_read(
    tensors: int, keys: int, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "fake.gguf"
    with file.open("wb") as made:
        made.write(b"GGUF" + _numbers((3, 4), (tensors, 8), (keys, 8)) + content)
        made.truncate(200_000_000)  # no bytes on the disk
    with pytest.raises(CheckpointError) as raised:
        read_gguf(file)
    assert raised.value.message.key == "llm.damaged"
    models = tmp_path / "models"
    models.mkdir()
    file.rename(models / "fake.gguf")
    assert [found.model.usable for found in find_local(tmp_path)] == [False]


def test_only_the_wanted_file_of_a_gguf_repository_is_fetched(hub: Hub, tmp_path: Path) -> None:
    assert names(download(MODEL, tmp_path / "a")) == {"tiny-Q8_0.gguf"}
    assert names(download(replace(MODEL, gguf_file="q4_k_m"), tmp_path / "b")) == {"tiny-Q4_K_M.gguf"}
    assert names(download(replace(MODEL, gguf_file="tiny-F16.gguf"), tmp_path / "c")) == {"tiny-F16.gguf"}
    with pytest.raises(DownloadError) as raised:
        download(replace(MODEL, gguf_file="Q5_K_M"), tmp_path / "d")
    assert raised.value.message.key == "models.no_such_file"


def test_all_parts_of_a_split_model_are_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["OpenBMB/tiny-GGUF"] = {
        f"big-Q8_0-0000{part}-of-00002.gguf": b"GGUF" + bytes(1000) for part in (1, 2)
    }
    assert names(download(MODEL, tmp_path / "a")) == set(hub.repositories["OpenBMB/tiny-GGUF"])


def test_a_list_that_cannot_be_had_names_the_folder_of_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="cannot be reached") as caught:
        list_gguf(MODEL, tmp_path / "models" / "tiny")
    assert f"put its files into {tmp_path / 'models' / 'tiny'}, or" in str(caught.value)


def test_a_repository_tells_its_files_with_their_sizes(hub: Hub, tmp_path: Path) -> None:
    found = {file.name: (file.size, file.chosen) for file in list_gguf(MODEL, tmp_path)}
    assert found == {
        "tiny-Q4_K_M.gguf": (1_004, False),
        "tiny-Q8_0.gguf": (2_004, True),
        "tiny-F16.gguf": (4_004, False),
    }
    told = CliRunner().invoke(program, ["download", "OpenBMB/tiny-GGUF", "--files"])
    assert told.exit_code == 0
    assert [line.split()[0] for line in told.output.splitlines() if "Q8_0" in line] == ["*"]


@pytest.mark.skipif(not is_here(), reason="needs the package gguf")
def test_files_on_this_machine_are_listed_with_their_sizes(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "MiniCPM5-1B-GGUF").mkdir(parents=True)
    tiny = write_gguf(SINGLE_SAFETENSORS, models / "mine.gguf")
    (models / "MiniCPM5-1B-GGUF" / "MiniCPM5-1B-Q4_K_M.gguf").write_bytes(tiny.read_bytes())
    (models / "broken.gguf").write_bytes(tiny.read_bytes()[:1000])
    by_name = {found.model.name: found for found in find_local(tmp_path)}
    assert set(by_name) == {"MiniCPM5-1B-GGUF", "mine.gguf", "broken.gguf"}
    mine = by_name["mine.gguf"].model
    assert (mine.download_bytes, mine.context_tokens) == (tiny.stat().st_size, 512)
    assert mine.weight_bytes("float32") == mine.weight_bytes("bfloat16") == tiny.stat().st_size
    assert mine.memory_bytes("bfloat16") > mine.weight_bytes("bfloat16")
    assert by_name["MiniCPM5-1B-GGUF"].model.download_bytes == tiny.stat().st_size
    assert [problem.key for problem in by_name["broken.gguf"].problems] == ["llm.cut_short_in_header"]
    assert model_folder("mine.gguf", tmp_path) == tiny
    assert model_folder("OpenBMB/MiniCPM5-1B-GGUF", tmp_path) == models / "MiniCPM5-1B-GGUF"


@pytest.mark.skipif(not is_here(), reason="needs the package gguf")
def test_a_folder_with_weights_of_its_own_is_no_gguf(tmp_path: Path) -> None:
    file = write_gguf(SINGLE_SAFETENSORS, tmp_path / "m.gguf")
    assert find_gguf(tmp_path) == file
    assert read_gguf(file).architecture == "minicpm"
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert find_gguf(tmp_path) is None


@pytest.mark.skipif(not is_here(), reason="needs the package gguf")
def test_a_file_in_a_repository_s_folder_for_its_format_is_found(tmp_path: Path) -> None:
    place = tmp_path / "models" / "MiniCPM5-1B-GGUF"
    (place / "Q8_0").mkdir(parents=True)
    file = write_gguf(SINGLE_SAFETENSORS, place / "Q8_0" / "m-Q8_0.gguf")
    assert find_gguf(place) == file
    assert [found.folder for found in find_local(tmp_path)] == [place]
