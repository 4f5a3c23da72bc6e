"""Numbers of lists in LibreOffice's rich text: what their definition lost stands before the paragraphs."""

from __future__ import annotations

from minicpm_rag.loaders.rich_text_numbers import with_numbers_as_shown

HEAD = (
    rb"{\rtf1{\*\listtable{\list{\listlevel\levelnfc35{\leveltext %s;}}{\listlevel{\leveltext \'02\'01.;}}\listid7}}"
    rb"{\listoverridetable{\listoverride\listid7\listoverridecount0\ls3}}"
)
CHAPTER = rb"\pard{\listtext\pard\plain  \u31532\'3f\u21313\'3f\u20108\'3f\u31456\'3f\tab}\ilvl0\ls3 Text\par}"


def test_characters_around_a_number_are_taken_from_the_first_paragraph() -> None:
    mended = with_numbers_as_shown(HEAD % rb"\'03\'3f\'00\'3f" + CHAPTER)
    assert mended == HEAD % rb"\'03\u31532 ?\'00\u31456 ?" + CHAPTER


def test_brackets_that_stand_for_wide_ones_are_put_right_too() -> None:
    shown = rb"\pard{\listtext\pard\plain \u-248\'281\u-247\'29\u26465\'3f\tab}\ilvl0\ls3 Text\par}"
    mended = with_numbers_as_shown(HEAD % rb"\'04\'28\'00\'29\'3f" + shown)
    assert rb"\'04\u-248 ?\'00\u-247 ?\u26465 ?" in mended


def test_lists_that_lost_nothing_and_other_files_stay_as_they_are() -> None:
    sound = HEAD % rb"\'03(\'00)" + CHAPTER
    assert with_numbers_as_shown(sound) == sound
    assert with_numbers_as_shown(rb"{\rtf1 \listid7 Text?}") == rb"{\rtf1 \listid7 Text?}"


def test_a_number_that_is_shown_shorter_than_its_definition_changes_nothing() -> None:
    data = HEAD % rb"\'05\'3f\'00\'3f\'3f\'3f" + rb"\pard{\listtext 1\tab}\ilvl0\ls3 Text\par}"
    assert with_numbers_as_shown(data) == data
