"""What the readers of files and web pages say, in Chinese and English."""

from __future__ import annotations

_SPLIT = ("请拆成几个小文件。", "Split it into smaller files.")
_SAVE_WITH_A_PROGRAM = ("请用原来的程序重新保存。", "Save it again with its program.")
_SAVE_AGAIN = ("请重新保存，或者换一种格式。", "Save it again, or in another format.")
_INSTALL_OCR = ('请安装文字识别：pip install ".[ocr]"', 'Install text recognition: pip install ".[ocr]"')

TEXTS: dict[str, tuple[str, str]] = {
    # What a file should be
    "loaders.pdf": ("PDF 文件", "PDF"),
    "loaders.word_document": ("Word 文档", "Word document"),
    "loaders.presentation": ("演示文稿", "presentation"),
    "loaders.text_document": ("文本文档", "text document"),
    "loaders.rich_text_file": ("RTF 文件", "rich text file"),
    "loaders.workbook": ("工作簿", "workbook"),
    "loaders.book": ("电子书", "book"),
    "loaders.drawing": ("SVG 图", "SVG drawing"),
    "loaders.picture": ("图片", "picture"),
    "loaders.notebook": ("笔记本", "notebook"),
    "loaders.mail": ("邮件", "message"),
    "loaders.mailbox": ("邮箱文件", "mailbox"),
    "loaders.saved_page": ("网页存档", "saved web page"),
    "loaders.file": ("文件", "file"),
    # Any file
    "loaders.cannot_be_opened": ("文件打不开：{why}。", "The file cannot be opened: {why}."),
    "loaders.cannot_be_opened.remedy": ("请检查文件名和读取权限。", "Check its name and rights."),
    "loaders.no_text": ("文件里没有文字。", "The file contains no text."),
    "loaders.no_text.remedy": (
        "请看看选对了文件没有；它若不该是空的，请重新获取。",
        "See whether it is the right file; if it should not be empty, get it again.",
    ),
    "loaders.not_text": ("文件里没有可读的文字。", "The file does not contain readable text."),
    "loaders.not_text.remedy": (
        "请用制作它的程序打开，另存为文本。",
        "Open it in the program that made it and save it as text.",
    ),
    "loaders.too_large": ("文件太大，有 {size:bytes}。", "The file is too large: {size:bytes}."),
    "loaders.too_large.remedy": _SPLIT,
    "loaders.nested_too_deeply": ("文件嵌套得太深。", "The file is nested too deeply."),
    "loaders.nested_too_deeply.remedy": ("请另存为纯文本或 PDF。", "Save it as plain text or PDF."),
    "loaders.needs_memory": ("读这个文件需要太多内存。", "Reading the file takes too much memory."),
    "loaders.needs_memory.remedy": _SPLIT,
    "loaders.damaged": ("{what}已损坏或不完整。", "The {what} is damaged or cut off."),
    "loaders.damaged.remedy": (
        "请重新获取，或用原来的程序重新保存。",
        "Get the file again, or save it again with its program.",
    ),
    "loaders.protected": ("{what}有密码保护。", "The {what} is protected by a password."),
    "loaders.protected.remedy": (
        "请提供密码（页面上，或 --password），或另存一份没有密码的再添加。",
        "Give the password, on the page or by --password, or save a copy without one.",
    ),
    "loaders.wrong_password": ("这个密码打不开{what}。", "The password does not open the {what}."),
    "loaders.wrong_password.remedy": ("请检查密码。", "Check the password."),
    # Kinds of files
    "loaders.misnamed": (
        "文件的内容与扩展名 {suffix} 不符。",
        "The file is no {what}, although its name ends in {suffix}.",
    ),
    "loaders.misnamed.remedy": ("请重新获取这个文件。", "Get the file again."),
    "loaders.read_as": (
        "扩展名是 {suffix}，内容是 {kind}，已按 {kind} 读取。",
        "Read as {kind}, although the name ends in {suffix}.",
    ),
    "loaders.archive": ("不支持压缩包。", "Archives are not supported."),
    "loaders.archive.remedy": ("请解压后添加里面的文件。", "Unpack the archive and add the files inside."),
    "loaders.program": ("不支持程序文件。", "Programs are not supported."),
    "loaders.unknown_suffix": ("不支持 {suffix} 文件。", "Files ending in {suffix} are not supported."),
    "loaders.unknown_suffix.remedy": ("请另存为 pdf、docx、html 或 txt。", "Save it as pdf, docx, html or txt."),
    "loaders.wants_libreoffice": (
        "这是 Office 2007 以前的{what}，需要 LibreOffice 来读取。",
        "LibreOffice is needed to read a {what} of before Office 2007.",
    ),
    "loaders.wants_libreoffice.remedy": (
        "请安装 LibreOffice，或另存为 docx 或 pptx。",
        "Install LibreOffice, or save it as docx or pptx.",
    ),
    "loaders.rich_text_plain": (
        "标题和合并的单元格没有读出；安装 LibreOffice 后重新添加可以读出。",
        "Headings and merged cells were not read; with LibreOffice installed they are.",
    ),
    "loaders.protected_open_document": (
        "这个 OpenDocument 文件有密码保护。",
        "The OpenDocument file is protected by a password.",
    ),
    "loaders.protected_open_document.remedy": (
        "请另存一份没有密码的再添加。",
        "Save a copy without a password and add that.",
    ),
    "loaders.old_office": ("这是 Office 2007 以前的格式。", "The file is in the format of Office before 2007."),
    "loaders.old_office.remedy": ("请另存为 docx、pptx 或 xlsx。", "Save it as docx, pptx or xlsx."),
    # Zip-based files
    "loaders.unpacks_too_large": (
        "文件解压后太大：{parts} 个部分，共 {size:bytes}。",
        "The file would be far too large when unpacked: {size:bytes} in {parts:part|parts}.",
    ),
    "loaders.unpacks_too_large.remedy": _SPLIT,
    "loaders.entities": (
        "文件声明了 XML 实体，这可能是攻击。",
        "The file declares XML entities, which can be an attack.",
    ),
    "loaders.entities.remedy": _SAVE_WITH_A_PROGRAM,
    "loaders.copy_protected": ("这本书有版权保护。", "The book is copy-protected."),
    "loaders.copy_protected.remedy": ("请添加没有保护的版本。", "Add a copy without protection."),
    # More than one document may become
    "loaders.too_many_characters": (
        "文件的文字太多，超过 {limit:,} 个字符。",
        "The file holds too much text: more than {limit:,} characters.",
    ),
    "loaders.too_many_characters.remedy": _SPLIT,
    "loaders.too_many_cells": (
        "表格的单元格太多，超过 {limit:,} 个。",
        "The tables of the file have too many cells: more than {limit:,}.",
    ),
    "loaders.too_many_cells_then": ("工作簿的单元格太多。", "The workbook has too many cells."),
    "loaders.too_many_cells.remedy": (
        "请把需要的部分另存为一个文件。",
        "Save the part that matters as a file of its own.",
    ),
    "loaders.too_many_pages": (
        "文件的页数太多，超过 {limit:,} 页。",
        "The file has too many pages: more than {limit:,}.",
    ),
    "loaders.too_many_pages.remedy": _SPLIT,
    "loaders.too_many_parts": (
        "邮件的部分太多，超过 {limit:,} 个。",
        "The message has too many parts: more than {limit:,}.",
    ),
    "loaders.too_many_parts.remedy": _SAVE_WITH_A_PROGRAM,
    # PDF
    "loaders.pdf_unpacks_too_large": (
        "PDF 的一部分解压后太大，超过 {limit:bytes}。",
        "A part of the PDF would be far too large when unpacked: more than {limit:bytes}.",
    ),
    "loaders.pdf_unpacks_too_large.remedy": _SPLIT,
    "loaders.pdf_too_much_text": ("PDF 的文字太多。", "The PDF holds too much text."),
    "loaders.pdf_too_much_text.remedy": _SPLIT,
    "loaders.pdf_page_too_much_text": ("PDF 有一页文字太多。", "A page of the PDF holds too much text."),
    "loaders.pdf_page_too_much_text.remedy": _SPLIT,
    "loaders.pdf_page_damaged": ("PDF 的第 {number} 页已损坏。", "Page {number} of the PDF is damaged."),
    "loaders.pdf_page_damaged.remedy": ("请用 PDF 软件重新保存。", "Save it again with a PDF program."),
    "loaders.pdf_pages_damaged": (
        "已损坏、没有读取的页：{pages:list}。",
        "Damaged pages, which were left out: {pages:list}.",
    ),
    "loaders.pdf_pages_poor": (
        "这些页的文字不可靠，没有收录：{pages:list}。",
        "The text of these pages is not what they show, so it was left out: {pages:list}.",
    ),
    "loaders.pdf_pictures_unread": (
        "这些页上的图片可能含有文字，没有读取：{pages:list}。",
        "Pictures on these pages may hold text that was not read: {pages:list}.",
    ),
    "loaders.pdf_xfa": (
        "这是 Adobe XFA 动态表单，内容不在页面里。",
        "The PDF is an Adobe XFA form, whose content is not on its pages.",
    ),
    "loaders.pdf_xfa.remedy": (
        "请用 Adobe Reader 打开，打印成 PDF 后再添加。",
        "Open it in Adobe Reader, print it to a PDF, and add that.",
    ),
    "loaders.pdf_no_page": (
        "PDF 有 {count} 页，没有第 {number} 页。",
        "The PDF has no such page: it has {count}, asked for {number}.",
    ),
    # Scans and pictures
    "loaders.scans_unread": (  # as older versions stored it
        "{present} 页中有 {unread} 页是没有文字的扫描图。",
        "{unread} of {present} pages are scans without text.",
    ),
    "loaders.scans_left_out": (
        "{present} 页中有 {unread} 页是没有文字的扫描图：第 {pages:list} 页。",
        "{unread} of {present} pages are scans without text: {pages:list}.",
    ),
    "loaders.scans_read": (
        "{present} 页中有 {read} 页由文字识别读出。",
        "{read} of {present} pages were read by text recognition.",
    ),
    "loaders.install_ocr": _INSTALL_OCR,
    "loaders.picture_needs_ocr": (
        "图片需要文字识别，目前没有安装或没有启用。",
        "Pictures need text recognition, which is not installed or is off.",
    ),
    "loaders.picture_needs_ocr.remedy": _INSTALL_OCR,
    "loaders.no_text_in_picture": ("图片里没有识别出文字。", "No text was recognised in the picture."),
    "loaders.too_many_pixels": ("图片的像素太多。", "The picture has too many pixels."),
    "loaders.too_many_pixels.remedy": ("请缩小后另存。", "Save it smaller."),
    # Text with marks
    "loaders.html_unreadable": ("网页文件读不出来：{why}。", "The HTML cannot be read: {why}."),
    "loaders.too_many_attributes": ("一个标签有太多属性", "a tag has too many attributes"),
    "loaders.html_unreadable.remedy": ("请重新保存网页。", "Save the page again."),
    "loaders.table_unreadable": ("表格读不出来：{why}。", "The table cannot be read: {why}."),
    "loaders.table_unreadable.remedy": ("请重新另存为 csv。", "Save it again as csv."),
    "loaders.messages_left_out": (
        "已损坏、没有读取的邮件：{number} 封。",
        "Damaged messages, which were left out: {number}.",
    ),
    "loaders.embedded_not_read": (
        "嵌在文档里、没有读取的部分：{names:list}。",
        "Embedded parts that were not read: {names:list}.",
    ),
    "loaders.parts_damaged": (
        "已损坏或缺失、没有读取或只读取了一部分的部分：{names:list}。",
        "Damaged or missing parts, of which text may be lost: {names:list}.",
    ),
    "loaders.values_only": (
        "这个工作簿不规范，只读取了单元格的值：没有数字格式、合并的单元格、批注和文本框。",
        "The workbook is not as Excel writes it, so only the values of its cells were read: no number formats, merged "
        "cells, comments or text boxes.",
    ),
    "loaders.formulas_uncomputed": (
        "{number} 个公式没有保存结果（如 {first}），只读取了公式本身；用 Excel 打开并保存一次就有了。",
        "The results of {number:formula|formulas} are not in the file ({first}), so the formulas were read themselves; "
        "open it in Excel and save it to have them.",
    ),
    "loaders.attachments": ("附件没有读取：{names:list}。", "Attachments were not read: {names:list}."),
    # Web pages
    "loaders.no_address": ("这不是网址。", "The address is not a web address."),
    "loaders.no_address.remedy": ("请写成 https://… 的形式：{address}", "Write it as https://...: {address}"),
    "loaders.no_web_page": (
        "这个网址不是网页，而是 {kind}。",
        "The address does not lead to a web page but to {kind}.",
    ),
    "loaders.no_web_page.remedy": ("请下载后添加文件。", "Download the file and add it."),
    "loaders.page_missing": ("服务器上没有这个网页：{why}。", "The server has no such page: {why}."),
    "loaders.page_missing.remedy": ("请检查网址。", "Check the address."),
    "loaders.page_unreachable": ("网页取不下来：{why}。", "The page cannot be fetched: {why}."),
    "loaders.page_unreachable.remedy": ("请检查网址和网络。", "Check the address and the connection."),
    "loaders.page_too_large": ("网页太大，或者传得太慢。", "The page is too large or comes too slowly."),
    "loaders.page_too_large.remedy": ("请用浏览器保存后添加文件。", "Save it in a browser and add the file."),
    # The child process that reads a file
    "loaders.too_much_for_its_size": (
        "文件这么小，却要占用这么多，多半是损坏了，或者是有意做成这样的。"
        "请用原来的程序重新保存（PDF 可以打印成新的 PDF），否则不要添加它。",
        "So small a file should not take that much: it may be damaged, or made to do harm. Save it again with its "
        "program (print a PDF to a new one), or leave it out.",
    ),
    "loaders.reader_died": ("读取它的程序崩溃了（{cause}）。", "The program that reads it crashed ({cause})."),
    "loaders.reader_died.remedy": _SAVE_AGAIN,
    "loaders.reader_failed": ("读取时出错：{kind}：{why}。", "Its reader failed with {kind}: {why}."),
    "loaders.reader_failed.remedy": _SAVE_AGAIN,
    "loaders.reader_overran": ("读取它用时太久，已停止。", "Reading it took too long and was stopped."),
    "loaders.reader_overran.remedy": _SPLIT,
    "loaders.no_child": ("无法启动读取文件的进程：{program}。", "No process could be started to read it: {program}."),
    "loaders.no_child.remedy": (
        "请关闭其他程序以腾出内存，并检查这个 Python 是否可用。",
        "Close other programs to free memory, and check that this Python works.",
    ),
}
