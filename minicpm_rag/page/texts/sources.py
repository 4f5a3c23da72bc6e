"""What an open source says, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "citation_called": ("出处 {number}：{where}", "Citation {number}: {where}"),
    "page_picture": ("《{title}》第 {number} 页的图像", "Picture of page {number} of {title}"),
    "place_page": ("第 {label} 页", "page {label}"),
    "place_slide": ("第 {label} 张幻灯片", "slide {label}"),
    "place_sheet": ("工作表 {label}", "sheet {label}"),
    "row": ("第 {row} 行", "row {row}"),
    "rows": ("第 {first}–{last} 行", "rows {first}–{last}"),
    "download_original": ("下载原文件", "Download the file"),
    "shown_of_it": ("显示什么", "What is shown"),
    "side_pages": ("内容", "Content"),
    "side_understood": ("读懂了什么", "What was understood"),
    "go_to_section": ("跳到章节…", "Go to a section…"),
    "zoom_in": ("放大", "Larger"),
    "zoom_out": ("缩小", "Smaller"),
    "zoom_fit": ("适合宽度", "Fit to width"),
    "previous_page": ("上一页", "Previous page"),
    "next_page": ("下一页", "Next page"),
    "page_of": ("{number} / {count}", "{number} / {count}"),
    "back_to_passage": ("回到引文", "Back to the passage"),
    "whole_page": ("显示全文", "Show the whole text"),
    "page_without_text": ("这一页没有可读的文字。", "This page has no text that could be read."),
    "source_removed": (
        "这份文档已从资料库中移除；下面是作答时的原文。",
        "This document has been removed from the library; this is the passage as it was.",
    ),
    "source_changed": (
        "这份文档后来有改动；下面是作答时的原文。",
        "This document has changed since; this is the passage as it was.",
    ),
    "not_highlighted": (
        "没能在页面图片上标出这段话，原文如下：",
        "The words could not be marked in the picture of the page; they are:",
    ),
}
