from __future__ import annotations

import pytest
from langchain_core.documents import Document

from minicpm_rag.records import HEADINGS, SECTIONS, Heading, Page
from minicpm_rag.text.sections import at_section, main_section, section_at, sections_of

TEXT = "Handbook\nWelcome.\nLeave\n27 days a year.\nSickness\nReport it before 9:30.\nTravel\nBook early."
HEADINGS_OF = tuple(
    Heading(TEXT.index(text), level, text)
    for text, level in [("Handbook", 1), ("Leave", 2), ("Sickness", 3), ("Travel", 2)]
)
PAGE = Page(1, TEXT, headings=HEADINGS_OF)


@pytest.mark.parametrize(
    ("words", "section"),
    [
        ("Welcome", "Handbook"),
        ("27 days", "Handbook > Leave"),
        ("before 9:30", "Handbook > Leave > Sickness"),
        ("Book early", "Handbook > Travel"),
    ],
)
@pytest.mark.parametrize("start", [0, TEXT.index("27"), TEXT.index("Sickness") - 3])
def test_each_place_has_the_headings_above_it(words: str, section: str, start: int) -> None:
    if TEXT.index(words) < start:
        return
    passage = Document(TEXT[start:], metadata={SECTIONS: sections_of(PAGE, start, len(TEXT)), HEADINGS: "another"})
    assert section_at(passage, TEXT.index(words) - start) == section
    assert at_section(passage, TEXT.index(words) - start).metadata[HEADINGS] == section


def test_before_the_first_heading_there_is_no_section() -> None:
    page = Page(1, "Intro.\nLeave\n27 days.", headings=(Heading(7, 1, "Leave"),))
    passage = Document(page.text, metadata={SECTIONS: sections_of(page, 0, 22), HEADINGS: "Leave"})
    assert (section_at(passage, 0), section_at(passage, 14)) == ("", "Leave")


def test_a_page_without_headings_leaves_the_passages_own() -> None:
    passage = Document("27 days.", metadata={SECTIONS: sections_of(Page(1, "27 days."), 0, 8), HEADINGS: "Leave"})
    assert at_section(passage, 0) is passage and section_at(passage, 3) == "Leave"


@pytest.mark.parametrize(
    ("sections", "label"),
    [
        ([], None),
        ([[0, "Fees"]], None),
        ([[0, "Term"], [20, "Fees"]], "Fees"),  # most of it
        ([[0, "Contract > Term"], [40, "Contract > Fees"], [80, "Contract > Law"]], "Contract"),
        ([[0, "Term"], [40, "Fees"], [80, "Law"]], ""),  # a whole contract is not its last clause
    ],
)
def test_a_passage_of_several_sections_is_labelled_with_its_main_one(
    sections: list[list[int | str]], label: str | None
) -> None:
    assert main_section(sections, 100) == label
