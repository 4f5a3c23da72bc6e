from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
from embedders import minilm

from minicpm_rag import records
from minicpm_rag.chunking import MOST_ROWS, Tokens, indexed_text, split_pages
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.records import Chunk, ChunkSize, Heading, Page

ZH = "员工每年享有十天年假。申请须提前两周提交；特殊情况除外！未休完怎么办？可顺延至次年三月。"
EN = "Staff get ten days of leave. Apply two weeks ahead; Dr. Smith decides. Unused days (max. 5) move on!"


def count_characters(text: str) -> int:
    """Stand in for a tokenizer in which every character is a token."""
    return len(text) + 2


def tokens(limit: int, count: Callable[[str], int] = count_characters) -> Tokens:
    return SimpleNamespace(count_tokens=count, limit_tokens=limit)  # type: ignore[return-value]


def split(pages: Sequence[Page], *, limit: int = 512, target: int = 350, overlap: int = 50) -> list[Chunk]:
    return split_pages(pages, "手册.pdf", tokens(limit), ChunkSize(target, overlap))


def assert_rebuilds(pages: Sequence[Page], chunks: Sequence[Chunk]) -> None:
    """Check that the chunks of each page hold all its text that is not white space, in order."""
    for page in pages:
        covered = [False] * len(page.text)
        last_start = -1
        for chunk in chunks:
            if chunk.metadata[records.PAGE] != page.number:
                continue
            start, end = chunk.metadata[records.START], chunk.metadata[records.END]
            assert chunk.text == page.text[start:end]
            assert chunk.text.strip() == chunk.text
            assert start > last_start
            last_start = start
            covered[start:end] = [True] * (end - start)
        assert all(seen or character.isspace() for seen, character in zip(covered, page.text, strict=True))


def random_page(randomness: random.Random, number: int) -> Page:
    text = "".join(randomness.choices("ab 中文。！？；…“”.!?;,，\n\n|#1😀", k=randomness.randrange(900)))
    headings = []
    for start in sorted(randomness.sample(range(len(text) + 1), min(3, len(text)))):
        end = text.find("\n", start)
        if end > start:
            headings.append(Heading(start, randomness.randrange(1, 4), text[start:end]))
    return Page(number, text, headings=tuple(headings))


@pytest.mark.parametrize("limit", [40, 64, 256])
@pytest.mark.parametrize(("target", "overlap"), [(50, 0), (50, 20), (350, 50)])
def test_no_text_is_lost_between_chunks_and_none_exceeds_the_limit(limit: int, target: int, overlap: int) -> None:
    randomness = random.Random(limit + target)
    for _ in range(30):
        pages = [random_page(randomness, 1), random_page(randomness, 2)]
        chunks = split(pages, limit=limit, target=target, overlap=overlap)
        assert_rebuilds(pages, chunks)
        assert all(count_characters(indexed_text(chunk)) <= limit for chunk in chunks)


@pytest.mark.parametrize("text", [ZH * 20, (EN + " ") * 20, (ZH + EN) * 10], ids=["zh", "en", "mixed"])
def test_chunks_end_at_sentence_ends_near_the_target(text: str) -> None:
    chunks = split([Page(1, text)])
    assert all(chunk.text[-1] in "。！？；.!;" for chunk in chunks)
    assert all(150 < len(chunk.text) <= 350 * 1.3 for chunk in chunks)


def test_whole_sentences_are_repeated_between_neighbours() -> None:
    chunks = split([Page(1, ZH * 20)])
    for before, after in itertools.pairwise(chunks):
        shared = before.metadata[records.END] - after.metadata[records.START]
        assert 0 < shared <= 50
        assert before.text[-shared:] == after.text[:shared]
        assert before.text[-shared - 1] in "。！？；"


def test_chunks_never_cross_pages() -> None:
    pages = [Page(number, ZH, kind="page", label=f"A-{number}") for number in (3, 4)]
    chunks = split(pages)
    assert [chunk.metadata[records.PAGE] for chunk in chunks] == [3, 4]
    assert [chunk.metadata[records.PAGE_LABEL] for chunk in chunks] == ["A-3", "A-4"]
    assert {chunk.metadata[records.PAGE_KIND] for chunk in chunks} == {"page"}


def test_a_line_without_sentence_ends_is_cut_at_clauses_then_words_then_characters() -> None:
    clauses, words, letters = "甲乙丙丁戊，" * 200, "lorem ipsum " * 200, "字" * 2000
    for text, ends in [(clauses, "，"), (words, "m"), (letters, "字")]:
        pages = [Page(1, text)]
        chunks = split(pages)
        assert_rebuilds(pages, chunks)
        assert all(chunk.text[-1] in ends for chunk in chunks)
        assert all(len(chunk.text) <= 350 for chunk in chunks)


def test_headings_open_chunks_and_their_path_is_kept() -> None:
    writer = PageWriter()
    writer.heading("手册", 1)
    for name in ("请假", "Pay"):
        writer.heading(name, 2)
        writer.paragraph(ZH * 4)
        writer.heading(f"{name} details", 3)
        writer.paragraph(EN * 3)
    chunks = split([writer.page(1)], overlap=0)
    assert chunks[0].text.startswith("手册\n\n请假\n\n员工")
    starts = [chunk.text.split("\n")[0] for chunk in chunks]
    for heading, path in [("请假 details", "手册 > 请假 > 请假 details"), ("Pay", "手册 > Pay")]:
        assert chunks[starts.index(heading)].metadata[records.HEADINGS] == path
    assert not any(chunk.text.endswith(("details", "请假", "Pay")) for chunk in chunks)


def test_small_sections_share_a_chunk_under_their_common_heading() -> None:
    writer = PageWriter()
    writer.heading("FAQ", 1)
    for number in range(3):
        writer.heading(f"问题{number}", 2)
        writer.paragraph("是的。")
    [chunk] = split([writer.page(1)])
    assert chunk.metadata[records.HEADINGS] == "FAQ"


def test_table_chunks_break_between_rows_and_carry_header_and_row_numbers() -> None:
    writer = PageWriter()
    writer.paragraph(ZH * 3)
    writer.table([(1, ["产品", "价格"]), *((row, [f"产品编号{row:04d}", f"{row} 元"]) for row in range(2, 100))])
    writer.paragraph(EN * 3)
    page = writer.page(1)
    chunks = split([page])
    assert_rebuilds([page], chunks)
    with_rows = [chunk for chunk in chunks if records.ROW_START in chunk.metadata]
    assert [d.metadata[records.ROW_START] for d in with_rows[1:]] == [
        d.metadata[records.ROW_END] + 1 for d in with_rows[:-1]
    ]
    assert (with_rows[0].metadata[records.ROW_START], with_rows[-1].metadata[records.ROW_END]) == (2, 99)
    assert with_rows[0].metadata[records.TABLE_HEADER] == ""
    assert with_rows[0].text.startswith("| 产品 | 价格 |")
    for chunk in with_rows[1:]:
        assert chunk.metadata[records.TABLE_HEADER] == "| 产品 | 价格 |"
        assert all(line.startswith("| 产品编号") and line.endswith(" |") for line in chunk.text.split("\n"))
    others = [chunk for chunk in chunks if records.ROW_START not in chunk.metadata]
    assert all("|" not in chunk.text for chunk in others)


def test_of_a_long_table_the_header_and_samples_from_first_to_last_row_are_chunked() -> None:
    writer = PageWriter()
    writer.paragraph("Orders of the year.")
    rows = ((row, [f"A-{row:06}", f"{row} pieces of pump {row % 7}"]) for row in range(2, MOST_ROWS + 3))
    writer.table([(1, ["Order", "What"]), *rows])
    writer.paragraph("End of the orders.")
    page = writer.page(1)
    chunks = split([page])
    assert len(chunks) < MOST_ROWS / 40
    assert all(page.text[d.metadata[records.START] : d.metadata[records.END]] == d.text for d in chunks)
    assert all(len(chunk.text) < 700 for chunk in chunks)  # none goes over what lies between two samples
    assert "| Order | What |\n| A-000002" in chunks[0].text or "| Order | What |\n| A-000002" in chunks[1].text
    with_rows = [chunk for chunk in chunks if records.ROW_START in chunk.metadata]
    assert with_rows[-1].metadata[records.ROW_END] == MOST_ROWS + 2
    assert all(chunk.metadata[records.TABLE_HEADER] == "| Order | What |" for chunk in with_rows[1:])
    assert chunks[-1].text == "End of the orders."


def test_a_row_longer_than_a_chunk_keeps_number_and_header_in_each_part() -> None:
    writer = PageWriter()
    writer.table([(1, ["条目", "内容"]), (2, ["年假", ZH * 40]), (3, ["Pay", "monthly"])])
    page = writer.page(1)
    chunks = split([page])
    assert_rebuilds([page], chunks)
    parts = [chunk for chunk in chunks[1:] if chunk.metadata[records.ROW_START] == 2]
    assert len(parts) > 2
    assert all(chunk.metadata[records.TABLE_HEADER] == "| 条目 | 内容 |" for chunk in parts)


def test_indexed_text_puts_title_headings_and_header_before_the_chunk() -> None:
    writer = PageWriter()
    writer.heading("价目", 1)
    writer.table([(1, ["产品", "价格"]), *((row, [f"编号{row:09d}", "9 元"]) for row in range(2, 80))])
    last = split([writer.page(1)])[-1]
    assert indexed_text(replace(last, title="表.csv")) == f"表.csv\n价目\n| 产品 | 价格 |\n{last.text}"


def test_huge_titles_headings_and_headers_leave_room_for_the_text() -> None:
    writer = PageWriter()
    writer.heading("很长的标题" * 100, 1)
    writer.table([(1, ["表头" * 300, "x"]), *((row, [f"行{row}", ZH]) for row in range(2, 20))])
    page = writer.page(1)
    title = "名" * 300
    chunks = split_pages([page], title, tokens(100), ChunkSize())
    assert_rebuilds([page], chunks)
    assert all(count_characters(indexed_text(chunk)) <= 100 for chunk in chunks)
    assert sum(len(chunk.text) for chunk in chunks) / len(chunks) > 30


@pytest.mark.parametrize("text", ["", " \n\u3000\n"], ids=["empty", "blank"])
def test_a_page_without_text_has_no_chunks(text: str) -> None:
    assert split([Page(1, text)]) == []


def test_two_thousand_pages_need_about_one_count_a_chunk() -> None:
    counted = 0

    def count(text: str) -> int:
        nonlocal counted
        counted += 1
        return len(text) // 2

    pages = [Page(number, (ZH + EN) * 8) for number in range(1, 2001)]
    chunks = split_pages(pages, "x.pdf", tokens(512, count), ChunkSize())
    assert len(chunks) >= 8000
    assert counted < 1.2 * len(chunks)


def test_no_chunk_exceeds_the_packaged_embedder_in_its_own_tokens() -> None:
    embedder = minilm()
    pages = [Page(1, ZH * 30), Page(2, EN * 30), Page(3, "v1.2.3-rc+4567;0xFF|" * 200), Page(4, "😀🎉" * 800)]
    chunks = split_pages(pages, "手册.pdf", embedder, ChunkSize())
    assert_rebuilds(pages, chunks)
    assert all(embedder.count_tokens(indexed_text(chunk)) <= embedder.limit_tokens for chunk in chunks)
