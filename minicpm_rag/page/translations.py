"""What the core says in English (verdicts of files, errors), in Chinese.

The core writes one language, so that its messages can be searched for; the page has two. A sentence that is
not listed is shown as it is. `{name}` stands for what changes from case to case.
"""

from __future__ import annotations

import re
from functools import cache

_FILES = {
    "The file contains no text.": "文件里没有文字。",
    "no text was found in it.": "文件里没有找到文字。",
    "The file does not contain readable text.": "文件里没有可读的文字。",
    "Open it in the program that made it and save it as text.": "请用制作它的程序打开，另存为文本。",
    "The file is too large.": "文件太大。",
    "Split it into smaller files.": "请拆成几个小文件。",
    "Split it into smaller files: {total} bytes inside.": "请拆成几个小文件：解压后有 {total} 字节。",
    "The file would be far too large when unpacked.": "文件解压后会非常大。",
    "The file cannot be opened.": "文件打不开。",
    "Check its name and rights: {why}.": "请检查文件名和读取权限：{why}。",
    "the file cannot be read: {why}.": "文件读不出来：{why}。",
    "Check that it exists and its rights.": "请检查文件是否还在、有没有读取权限。",
    "its reader broke off with {why}.": "读取时中断：{why}。",
    "Save it anew or in another format.": "请重新保存，或者换一种格式。",
    "it holds broken characters.": "文件里有损坏的字符。",
    "Save it anew as UTF-8.": "请另存为 UTF-8。",
    "The file is nested too deeply.": "文件嵌套得太深。",
    "Save it as plain text or PDF.": "请另存为纯文本或 PDF。",
    "The file needs more memory than there is.": "读这个文件所需的内存不够。",
    "The {what} is protected by a password.": "{what}有密码保护。",
    "Save a copy without a password and add that.": "请另存一份没有密码的再添加。",
    "The {what} is damaged or cut off.": "{what}已损坏或不完整。",
    "Get the file again, or save it again with its program.": "请重新获取，或用原来的程序重新保存。",
    "Get the file again, or save it again with a PDF program.": "请重新获取，或用 PDF 软件重新保存。",
    "Get the file again.": "请重新获取这个文件。",
    "Get the file again: {suffix}": "请重新获取这个文件：{suffix}",
    "The file declares XML entities, which can be an attack.": "文件声明了 XML 实体，这可能是攻击。",
    "Save it again with its program.": "请用原来的程序重新保存。",
    "The book is copy-protected.": "这本书有版权保护。",
    "Add a copy without protection.": "请添加没有保护的版本。",
    "Save it again with Jupyter.": "请用 Jupyter 重新保存。",
    "Save it again with the mail program.": "请用邮件软件重新保存。",
    "Save it again with the browser.": "请用浏览器重新保存。",
    "The HTML cannot be read.": "网页文件读不出来。",
    "Save the page again: {why}.": "请重新保存网页：{why}。",
    "Files of this kind are not supported.": "不支持这种文件。",
    "Unpack it and add the files inside: it is an archive.": "这是压缩包，请解压后添加里面的文件。",
    "Save it as docx: it is a rich text file.": "这是 RTF 文件，请另存为 docx。",
    "It is a program.": "这是一个程序。",
    "Save it as pdf, docx, html or txt: {suffix}": "请另存为 pdf、docx、html 或 txt：{suffix}",
    "The file is in the format of Office before 2007.": "这是 Office 2007 以前的格式。",
    "Save it as docx, pptx or xlsx.": "请另存为 docx、pptx 或 xlsx。",
    "The file is no {what}, whatever its name says.": "文件名不符：它并不是{what}。",
    "{unread} of {present} pages are scans without text.": "{present} 页中有 {unread} 页是没有文字的扫描图。",
    "{read} of {present} pages were read by text recognition.": "{present} 页中有 {read} 页由文字识别读出。",
    'Install text recognition: pip install ".[ocr]"': '请安装文字识别：pip install ".[ocr]"',
    "Pictures need text recognition, which is not installed or is off.": "图片需要文字识别，目前没有启用。",
    "No text was recognised in the picture.": "图片里没有识别出文字。",
    "The picture has too many pixels.": "图片的像素太多。",
    "Save it smaller.": "请缩小后另存。",
    "The workbook has too many cells.": "工作簿的单元格太多。",
    "Save the part that matters as a file of its own.": "请把需要的部分另存为一个文件。",
    "The table cannot be read.": "表格读不出来。",
    "Save it again as csv: {why}.": "请重新另存为 csv：{why}。",
    "Attachments were not read: {names}.": "附件没有读取：{names}。",
    "The address is not a web address.": "这不是网址。",
    "Write it as https://...: {address}": "请写成 https://… 的形式：{address}",
    "The server has no such page.": "服务器上没有这个网页。",
    "Check the address: {why}": "请检查网址：{why}",
    "The page cannot be fetched.": "网页取不下来。",
    "Check the address and the connection: {why}": "请检查网址和网络：{why}",
    "The address does not lead to a web page.": "这个网址不是网页。",
    "Download the file and add it: {kind}": "请下载后添加文件：{kind}",
    "The page is too large or comes too slowly.": "网页太大，或者传得太慢。",
    "Save it in a browser and add the file.": "请用浏览器保存后添加文件。",
    "The PDF holds too much text.": "PDF 的文字太多。",
    "A page of the PDF holds too much text.": "PDF 有一页文字太多。",
    "The PDF has no such page.": "PDF 没有这一页。",
    "It has {count} pages, asked for {number}.": "它有 {count} 页，要的是第 {number} 页。",
    "A page of the PDF is damaged.": "PDF 有一页已损坏。",
    "Save it again with a PDF program: page {number}.": "请用 PDF 软件重新保存：第 {number} 页。",
    "it has left the folder": "它已经不在文件夹里",
    "The version indexed on {day} still answers.": "{day} 收录的版本仍在使用。",
}

_ERRORS = {
    "There already is a knowledge base {name}. Choose another name.": "已有知识库 {name}，请换个名称。",
    "{name} cannot name a knowledge base. Use 1 to {most} characters of any script, on one line.": (
        "{name} 不能作为知识库的名称，请用一行以内的 1 到 {most} 个字。"
    ),
    "The knowledge base was deleted meanwhile.": "这个知识库已经被删除。",
    "There is no knowledge base {name}. {rest}": "没有名为 {name} 的知识库，请先新建或添加文档。",
    "There is no document {name} in the knowledge base {base}. See: minicpm-rag list": (
        "知识库 {base} 里没有文档 {name}，可能已经移除。"
    ),
    "A conversation needs a title that is not blank. Type one.": "请填写对话的标题。",
    "There is no conversation {number}. It may have been deleted; start a new one.": (
        "没有这段对话，可能已经删除，请开始新的对话。"
    ),
    "Conversations cannot be read or written in {file}: {why}. "
    "Check that the disk has room and that the folder may be written to.": (
        "对话无法读写（{file}：{why}）。请检查磁盘空间和文件夹的写入权限。"
    ),
    "The upload {name} cannot be kept in {folder}: {why}. Make room.": (
        "{name} 无法保存到 {folder}：{why}。请腾出空间。"
    ),
    "{path} cannot be written: {why}. Nothing was lost; make room on the disk and run it again.": (
        "{path} 无法写入：{why}。没有丢失任何内容；请腾出磁盘空间后再试。"
    ),
    "{path} is in use by another process that does not let go: {why}.": "{path} 正被另一个程序占用：{why}。",
    "The Chroma server {url} does not answer: {why}. Start it (chroma run --path DIR), or unset "
    "MINICPM_RAG_CHROMA_URL to use the library's own folder.": (
        "Chroma 服务器 {url} 没有回应：{why}。请启动它（chroma run --path 目录），"
        "或取消 MINICPM_RAG_CHROMA_URL，改用自带的资料库。"
    ),
    "Knowledge base {name} was indexed with the embedder {old}, but {new} is set now. {rest}": (
        "知识库 {name} 是用向量模型 {old} 建立的，现在设置的是 {new}。"
        "请运行 minicpm-rag kb reindex 重建，或把 MINICPM_RAG_EMBEDDER 改回去。"
    ),
    "{folder} is not a folder. Name the folder that holds config.json and the weights.": (
        "{folder} 不是文件夹，请指定存放 config.json 和权重的文件夹。"
    ),
    "{folder} has no config.json, so it is not a checkpoint folder.": ("{folder} 里没有 config.json，不是模型文件夹。"),
    "ModelScope cannot be reached, so {name} cannot be fetched ({why}). A folder copied by hand works too: "
    "put its files into {folder}, or name it in MINICPM_RAG_MODEL.": (
        "连不上 ModelScope，无法下载 {name}（{why}）。"
        "也可以手工拷贝：把文件放进 {folder}，或用 MINICPM_RAG_MODEL 指定文件夹。"
    ),
    "The disk of {folder} has {free} GB free, but {needed} GB are to come. "
    "Free some room or choose another folder with --dir.": (
        "{folder} 所在磁盘还有 {free} GB，需要 {needed} GB，请腾出空间。"
    ),
    "{address} is no address. It looks like http://127.0.0.1:8000/v1.": (
        "{address} 不是服务地址，应类似 http://127.0.0.1:8000/v1。"
    ),
    "{server} cannot be reached ({why}). Is it running there?": "连不上 {server}（{why}），它启动了吗？",
    "{server} refuses the key. Check MINICPM_RAG_OPENAI_API_KEY.": "{server} 拒绝了密钥，请检查密钥。",
    "{server} did not answer within {seconds} s. Is it overloaded?": "{server} 超过 {seconds} 秒没有回应。",
}

_WHAT = {
    "PDF": " PDF ",
    "book": "电子书",
    "workbook": "工作簿",
    "presentation": "演示文稿",
    "Word document": " Word 文档",
    "picture": "图片",
    "file": "文件",
    "notebook": "笔记本",
    "message": "邮件",
    "saved web page": "网页存档",
}


def chinese(sentences: str) -> str:
    """The sentences in Chinese, as far as they are known."""
    done, rest = [], sentences.strip()
    while rest:
        for pattern, template in _patterns():
            found = pattern.match(rest)
            if found:
                values = {name: _WHAT.get(value, value) for name, value in found.groupdict().items()}
                done.append(template.format(**values).strip())
                rest = rest[found.end() :].lstrip()
                break
        else:
            done.append(rest)
            break
    told = "".join(done) if rest == "" else " ".join(done)
    return re.sub(r" +(?=[，。：；）])", "", told)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(_pattern(english) + r"(?=\s|$)", re.DOTALL | re.IGNORECASE), template)
        for english, template in (_FILES | _ERRORS).items()
    )


def _pattern(english: str) -> str:
    pieces = re.split(r"\{(\w+)\}", english)
    last = len(pieces) - 1
    return "".join(
        re.escape(piece) if index % 2 == 0 else f"(?P<{piece}>.+{'' if _ends(pieces, index, last) else '?'})"
        for index, piece in enumerate(pieces)
    )


def _ends(pieces: list[str], index: int, last: int) -> bool:
    return index == last - 1 and pieces[last] == ""
