"""Subtitles become running text: sentences whole, the time as a heading."""

from __future__ import annotations

from pathlib import Path

from minicpm_rag.loaders import load_file
from minicpm_rag.records import Page


def page(folder: Path, name: str, text: str) -> Page:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    (only,) = load_file(path).pages
    return only


def test_a_sentence_over_two_captions_stands_whole_under_its_time(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:04,000\n<i>The main valve</i> closes\n\n"
    text += "2\n00:00:04,000 --> 00:00:06,000\nwithin ninety\nseconds.\n"
    text += "\n3\n00:02:10,500 --> 00:02:12,000\nThen the pump starts.\n"
    only = page(tmp_path, "a.srt", text)
    assert only.text == "00:00:01\n\nThe main valve closes within ninety seconds.\n\n00:02:10\n\nThen the pump starts."
    assert [heading.text for heading in only.headings] == ["00:00:01", "00:02:10"]


def test_web_captions_have_no_marks_settings_or_notes_in_their_text(tmp_path: Path) -> None:
    text = "WEBVTT\n\nNOTE not shown\n\nSTYLE\n::cue { color: red }\n\n"
    text += "intro\n00:01.000 --> 00:04.000 align:start position:0%\n"
    text += "<v Ann Lee>How much &amp; when?</v>\n\n00:04.000 --> 00:06.000\n<v.loud Bob>In <c.x>week 37</c>.\n"
    assert page(tmp_path, "a.vtt", text).text == "00:01\n\nAnn Lee: How much & when?\nBob: In week 37."


def test_chinese_captions_are_joined_without_blanks_and_rolling_ones_are_said_once(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\n主阀门\n\n2\n00:00:02,000 --> 00:00:03,000\n主阀门\n\n"
    text += "3\n00:00:03,000 --> 00:00:04,000\n在九十秒内\n关闭。\n"
    assert page(tmp_path, "a.srt", text).text == "00:00:01\n\n主阀门在九十秒内关闭。"


def test_a_long_talk_has_the_time_every_minute_at_the_end_of_a_sentence(tmp_path: Path) -> None:
    captions = (
        f"{n}\n00:{n // 6:02}:{n % 6}0,000 --> 00:{n // 6:02}:{n % 6}9,000\nWord {n}{'.' if n % 4 == 3 else ''}\n"
        for n in range(30)
    )
    only = page(tmp_path, "a.srt", "\n".join(captions))
    assert [heading.text for heading in only.headings] == ["00:00:00", "00:01:20", "00:02:40", "00:04:00"]


def test_a_file_without_captions_is_kept_as_text(tmp_path: Path) -> None:
    assert page(tmp_path, "a.srt", "Just notes.\nNo times.").text == "Just notes.\nNo times."
