"""The files of a persisted vector index: sound ones are let through, harmful ones are never loaded."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from hashed_embedder import HashedEmbedder
from library_parts import contents, found, ingest, opened, write_files

from minicpm_rag import indexing as worker
from minicpm_rag.library.hnsw_files import damage, is_known
from minicpm_rag.library.vectors import VectorStore

COUNT = 1_500  # Chroma writes its index files once a thousand vectors have come


def persisted(home: Path, deleted: int = 0) -> Path:
    """The folder of the index files of so many random vectors, closed."""
    home.mkdir()
    vectors = VectorStore(home / "vectors")
    assert vectors.claim()
    vectors.create("index")
    names = [f"chunk{number}" for number in range(COUNT)]
    vectors.upsert("index", names, numpy.random.default_rng(0).standard_normal((COUNT, 16)).astype(numpy.float32))  # type: ignore[arg-type]
    vectors.delete("index", names[:deleted])
    vectors.release()
    (header,) = (home / "vectors").glob("*/header.bin")
    return header.parent


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return persisted(tmp_path_factory.mktemp("sound") / "home")


@pytest.fixture
def index(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "index"))


@pytest.mark.parametrize("deleted", [0, 500, COUNT])
def test_what_chroma_writes_is_sound(tmp_path: Path, deleted: int) -> None:
    assert damage(persisted(tmp_path / "home", deleted)) is None


@pytest.mark.parametrize("name", ["header.bin", "data_level0.bin", "length.bin", "link_lists.bin"])
@pytest.mark.parametrize("share", [0, 0.5])
def test_a_file_cut_short_is_damage(index: Path, name: str, share: float) -> None:
    data = (index / name).read_bytes()
    (index / name).write_bytes(data[: int(len(data) * share)])
    assert name in str(damage(index))


@pytest.mark.parametrize("name", ["data_level0.bin", "length.bin", "link_lists.bin", "index_metadata.pickle"])
def test_a_file_that_is_missing_is_damage(index: Path, name: str) -> None:
    (index / name).unlink()
    assert name in str(damage(index))


def overwritten(name: str, offset: int, data: bytes) -> Callable[[Path], None]:
    def overwrite(index: Path) -> None:
        with (index / name).open("r+b") as file:
            file.seek(offset)
            file.write(data)

    return overwrite


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (overwritten("header.bin", 20, struct.pack("<Q", 1 << 40)), "makes no sense"),  # more elements than room
        (overwritten("header.bin", 28, struct.pack("<Q", 1 << 20)), "sizes"),
        (overwritten("header.bin", 20, bytes(8)), "do not belong together"),
        (overwritten("header.bin", 52, struct.pack("<i", 9)), "top level"),
        (overwritten("header.bin", 56, struct.pack("<I", 1 << 30)), "top level"),
        (overwritten("header.bin", 76, bytes(24)), "numbers of links"),
        (overwritten("data_level0.bin", 0, struct.pack("<H", 60_000)), "links to nowhere"),
        (overwritten("data_level0.bin", 4, struct.pack("<I", COUNT)), "links to nowhere"),
        (overwritten("link_lists.bin", 0, struct.pack("<I", 1 << 31)), "makes no sense"),
    ],
)
def test_numbers_that_lead_astray_are_damage(index: Path, harm: Callable[[Path], None], message: str) -> None:
    harm(index)
    assert message in str(damage(index))


def test_a_link_on_an_upper_level_to_an_element_without_that_level_is_damage(index: Path) -> None:
    data = bytearray((index / "link_lists.bin").read_bytes())
    position, levels, first = 0, [], 0
    while position < len(data):
        (size,) = struct.unpack_from("<I", data, position)
        levels.append(size)
        if size and not first:
            first = position + 4
        position += 4 + size
    struct.pack_into("<I", data, first + 4, levels.index(0))
    (index / "link_lists.bin").write_bytes(data)
    assert "links to nowhere" in str(damage(index))


def test_a_version_that_is_not_known_is_not_called_damage(index: Path) -> None:
    assert is_known(index)
    overwritten("header.bin", 0, struct.pack("<i", 2))(index)
    assert not is_known(index)


def test_a_library_with_a_damaged_index_answers_at_once_and_is_mended(tmp_path: Path) -> None:
    """Loading these files would end the process: this test's own, first of all."""
    folder, home = tmp_path / "files", tmp_path / "home"
    write_files(folder, 4)
    (folder / "long.txt").write_text(
        "\n".join(f"第{n}行：设备{n * 7919}已登记。" for n in range(1_600)), encoding="utf-8"
    )
    with opened(home, chunk_characters=30) as library:
        ingest(library, folder)
        before = contents(library)
    (header,) = (home / "vectors").glob("*/header.bin")
    with (header.parent / "data_level0.bin").open("r+b") as file:
        file.truncate(10_000)
    embedder = HashedEmbedder()
    with opened(home, embedder, chunk_characters=30) as library:
        assert "note03.md" in found(library, "Instrument 3 calibrated")
        (folder / "new.md").write_text("# 新\n\n新的泵在四楼。", encoding="utf-8")
        assert ingest(library, folder / "new.md")["new.md"].status == "indexed"
        assert not worker.check(library, repair=False).problems
        assert contents(library).items() >= before.items()
        assert embedder.embedded < 20  # the new file and the questions, nothing that was there
    (header,) = (home / "vectors").glob("*/header.bin")
    assert damage(header.parent) is None
