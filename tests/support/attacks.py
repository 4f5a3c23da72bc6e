"""Small files that stand for gigabytes or hours, by format: what one document may do to its reader.

Each maker writes a file and returns its path. Used by the test of the readers' bounds and by the fuzz harness.
"""

from __future__ import annotations

import base64
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from compound_files import Folder, make_compound_file, message_of
from office_files import make_docx, make_epub, make_mobi, make_open_document, make_pptx, make_xlsx

Maker = Callable[[Path], Path]
ATTACKS: dict[str, Maker] = {}
_MEGABYTE = 1_000_000


def attack(maker: Maker) -> Maker:
    ATTACKS[maker.__name__] = maker
    return maker


def written(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def edited(path: Path, part: str, change: Callable[[str], str], extra: dict[str, str] | None = None) -> Path:
    """Change one part of a zip file, and add others."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    before = members[part].decode()
    members[part] = change(before).encode()
    assert members[part] != before.encode() or extra
    for name, text in (extra or {}).items():
        members[name] = text.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


# Mail


@attack
def mail_subject_of_encoded_words(folder: Path) -> Path:
    return written(folder / "a.eml", b"Subject: " + b"=?utf-8?q?=41?= " * 30_000 + b"\nFrom: a@b\n\nbody\n")


@attack
def mail_addresses_without_end(folder: Path) -> Path:
    return written(folder / "a.eml", b"Subject: x\nTo: " + b"a@b, (((" * 50_000 + b"\n\nbody\n")


@attack
def mail_content_type_without_end(folder: Path) -> Path:
    return written(folder / "a.eml", b"Content-Type: multipart/mixed; " + b'a*0="x"; ' * 50_000 + b"\n\nbody\n")


@attack
def mail_attachment_names_of_encoded_words(folder: Path) -> Path:
    name = b"=?utf-8?q?=41=ff?= " * 5000
    part = b"--b\nContent-Type: a/b\nContent-Disposition: attachment; filename=" + name + b"\n\nx\n"
    return written(
        folder / "a.eml", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n" + part * 20 + b"--b--\n"
    )


@attack
def mail_of_a_million_parts(folder: Path) -> Path:
    return written(folder / "a.eml", b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 300_000)


@attack
def mail_nested_without_end(folder: Path) -> Path:
    parts = [b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(5000)]
    return written(folder / "a.eml", b"".join(parts) + b"\nbody\n" * 1000)


@attack
def mail_forwarded_without_end(folder: Path) -> Path:
    return written(folder / "a.eml", b"Subject: x\nContent-Type: message/rfc822\n\n" * 5000 + b"\nbody\n")


@attack
def mail_of_forms_inside_forms(folder: Path) -> Path:
    rich = b"<p>" + b"word " * 20_000
    levels = [
        b"Content-Type: multipart/alternative; boundary=b%d\n\n--b%d\nContent-Type: text/plain\n\nno\n--b%d\n"
        % (level, level, level)
        for level in range(45)
    ]
    return written(folder / "a.eml", b"".join(levels) + b"Content-Type: text/html\n\n" + rich)


# Workbooks

_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def _sheet(folder: Path, change: Callable[[str], str], extra: dict[str, str] | None = None) -> Path:
    return edited(make_xlsx(folder / "a.xlsx"), "xl/worksheets/sheet1.xml", change, extra)


def _after_data(addition: str) -> Callable[[str], str]:
    return lambda xml: re.sub(r"</sheetData>(<mergeCells.*?</mergeCells>)?", lambda _: "</sheetData>" + addition, xml)


def _in_data(addition: str) -> Callable[[str], str]:
    return lambda xml: xml.replace("</sheetData>", addition + "</sheetData>")


@attack
def sheet_merged_whole(folder: Path) -> Path:
    return _sheet(folder, _after_data('<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'))


@attack
def sheet_merged_in_many_parts(folder: Path) -> Path:
    areas = "".join(f'<mergeCell ref="A{row}:ZZ{row + 90}"/>' for row in range(1, 100_000, 100))
    return _sheet(folder, _after_data(f"<mergeCells>{areas}</mergeCells>"))


@attack
def sheet_that_is_one_link(folder: Path) -> Path:
    return _sheet(folder, _after_data('<hyperlinks><hyperlink ref="A1:XFD1048576" location="B1"/></hyperlinks>'))


@attack
def sheet_with_a_row_number_of_two_billions(folder: Path) -> Path:
    return _sheet(folder, _in_data('<row r="2000000000"><c r="A2000000000"><v>1</v></c></row>'))


@attack
def sheet_with_cells_far_to_the_right(folder: Path) -> Path:
    rows = "".join(f'<row r="{row}"><c r="XFD{row}"><v>1</v></c></row>' for row in range(10, 30_000))
    return _sheet(folder, _in_data(rows))


@attack
def sheet_of_one_long_string(folder: Path) -> Path:
    cells = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(10, 30_000))
    name = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    strings = f'<sst xmlns="{_SHEET}"><si><t>{"x " * 500_000}</t></si></sst>'
    path = _sheet(folder, _in_data(cells), {"xl/sharedStrings.xml": strings})
    part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{name}"/></Types>'
    return edited(path, "[Content_Types].xml", lambda xml: xml.replace("</Types>", part))


@attack
def sheet_formats_without_end(folder: Path) -> Path:
    rows = "".join(f'<row r="{row}"><c r="A{row}" s="1"><v>0.5</v></c></row>' for row in range(10, 20_000))
    path = _sheet(folder, _in_data(rows))
    long_format = f'<numFmts><numFmt numFmtId="200" formatCode="{"0;" * 500_000}"/></numFmts><fonts'

    def with_format(xml: str) -> str:
        xml = re.sub(r"<numFmts.*?</numFmts>|<numFmts ?[^>]*/>", "", xml)
        return re.sub(r'numFmtId="(9|14)"', 'numFmtId="200"', xml.replace("<fonts", long_format, 1))

    return edited(path, "xl/styles.xml", with_format)


@attack
def sheets_of_one_part(folder: Path) -> Path:
    rows = "".join(f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>' for row in range(10, 9999))
    path = _sheet(folder, _in_data(rows))

    def more_sheets(xml: str) -> str:
        sheet = re.search(r"<(?:\w+:)?sheet [^>]*/>", xml)
        assert sheet is not None
        more = (re.sub(r'(name|sheetId)="[^"]*"', rf'\1="{n}"', sheet.group()) for n in range(10, 3000))
        return xml.replace(sheet.group(), sheet.group() + "".join(more))

    return edited(path, "xl/workbook.xml", more_sheets)


# Word

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def _body(folder: Path, xml: str) -> Path:
    return edited(
        make_docx(folder / "a.docx"),
        "word/document.xml",
        lambda _: f"<w:document {_W}><w:body>{xml}</w:body></w:document>",
    )


def _cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"


@attack
def word_cells_over_a_hundred_columns(folder: Path) -> Path:
    wide = _cell("x", '<w:gridSpan w:val="2000000000"/>')
    return _body(folder, f"<w:tbl>{f'<w:tr>{wide * 100}</w:tr>' * 300}</w:tbl>")


@attack
def word_a_long_cell_merged_downwards(folder: Path) -> Path:
    first = _cell("x " * 300_000, '<w:vMerge w:val="restart"/>') + _cell("y")
    rest = f"<w:tr>{_cell('', '<w:vMerge/>')}{_cell('y')}</w:tr>"
    return _body(folder, f"<w:tbl><w:tr>{first}</w:tr>{rest * 2000}</w:tbl>")


@attack
def word_numbers_that_are_none(folder: Path) -> Path:
    odd = "".join(
        f'<w:p><w:pPr><w:outlineLvl w:val="{value}"/><w:numPr><w:ilvl w:val="{value}"/><w:numId w:val="{value}"/>'
        "</w:numPr></w:pPr><w:r><w:t>x</w:t></w:r></w:p>"
        for value in ("²", "9" * 5000, "-1", "1e9", "٣", "")
    )
    wide = _cell("a", '<w:gridSpan w:val="²"/>')
    row = f"<w:tr>{wide * 2}</w:tr>"
    return _body(folder, f"{odd}<w:tbl>{row * 3}</w:tbl>")


@attack
def word_styles_based_on_each_other(folder: Path) -> Path:
    chain = "".join(
        f'<w:style w:type="paragraph" w:styleId="c{n}"><w:name w:val="c{n}"/><w:basedOn w:val="c{n + 1}"/></w:style>'
        for n in range(4000)
    )
    return edited(
        make_docx(folder / "a.docx"), "word/styles.xml", lambda xml: xml.replace("</w:styles>", chain + "</w:styles>")
    )


@attack
def word_tables_in_tables(folder: Path) -> Path:
    xml = "<w:p/>"
    for _ in range(80):
        xml = f"<w:tbl><w:tr><w:tc>{xml}</w:tc></w:tr></w:tbl>"
    return _body(folder, xml + "<w:p><w:r><w:t>text</w:t></w:r></w:p>")


# Presentations


def _chart(folder: Path, change: Callable[[str], str]) -> Path:
    path = make_pptx(folder / "a.pptx")
    with zipfile.ZipFile(path) as archive:
        part = next(name for name in archive.namelist() if re.fullmatch(r"ppt/charts/chart\d+\.xml", name))
    return edited(path, part, change)


@attack
def slides_chart_of_two_billion_points(folder: Path) -> Path:
    return _chart(folder, lambda xml: re.sub(r'ptCount val="\d+"', 'ptCount val="2000000000"', xml))


@attack
def slides_chart_of_many_points(folder: Path) -> Path:
    points = "".join(f'<c:pt idx="{n}"><c:v>{n}</c:v></c:pt>' for n in range(30_000))
    return _chart(
        folder,
        lambda xml: re.sub(r"(<c:ptCount [^>]*>).*?(?=</c:(?:str|num)Cache>)", rf"\g<1>{points}", xml, flags=re.S),
    )


@attack
def slides_table_of_many_rows(folder: Path) -> Path:
    path = make_pptx(folder / "a.pptx")
    with zipfile.ZipFile(path) as archive:
        part = next(n for n in archive.namelist() if n.startswith("ppt/slides/slide") and b"<a:tr " in archive.read(n))

    def more_rows(xml: str) -> str:
        row = re.search(r"<a:tr .*?</a:tr>", xml, re.S)
        assert row is not None
        return xml.replace(row.group(), row.group() * 5000, 1)

    return edited(path, part, more_rows)


@attack
def slides_shown_again_and_again(folder: Path) -> Path:
    def again(xml: str) -> str:
        slides = re.findall(r"<p:sldId [^>]*/>", xml)
        return xml.replace(slides[1], slides[1] * 3000)

    return edited(make_pptx(folder / "a.pptx"), "ppt/presentation.xml", again)


# Web pages and books


@attack
def html_cells_over_a_thousand_columns(folder: Path) -> Path:
    return written(folder / "a.html", "<table><tr><td>a<td>b<tr>" + "<td colspan=1000>x" * 300_000 + "</table>")


@attack
def html_cells_over_a_thousand_rows(folder: Path) -> Path:
    block = "<tr><td rowspan=1000 colspan=1000>x<td>y" + "<tr>" * 999
    return written(folder / "a.html", f"<table>{block * 300}</table>")


@attack
def html_a_long_cell_over_a_thousand_rows(folder: Path) -> Path:
    return written(folder / "a.html", f"<table><tr><td rowspan=1000>{'x ' * 300_000}<td>y{'<tr><td>z' * 999}</table>")


@attack
def html_nested_without_end(folder: Path) -> Path:
    return written(folder / "a.html", "<title>t</title>" + "<div>" * 300_000 + "text")


@attack
def html_bold_without_end(folder: Path) -> Path:
    return written(folder / "a.html", "<title>t</title>" + "<b><i><p>x" * 50_000)


@attack
def html_cells_nested_without_end(folder: Path) -> Path:
    return written(folder / "a.html", "<p>shown<script>no</SCRIPT><!-- no -->" + "<span>a < b &amp; c" * 20_000)


@attack
def html_attributes_without_end(folder: Path) -> Path:
    return written(folder / "a.html", "<p " + " ".join(f"a{n}=x" for n in range(100_000)) + ">text</p>")


@attack
def html_tables_in_tables(folder: Path) -> Path:
    return written(folder / "a.html", "<table><tr><td>x" * 20_000 + "text")


@attack
def html_comments_and_tags_left_open(folder: Path) -> Path:
    return written(folder / "a.html", "<p>text</p>" + "<!--" * 100_000 + "<a " * 100_000 + "<![CDATA[" * 100_000)


@attack
def html_blocks_of_prose_nested(folder: Path) -> Path:
    prose = "word " * 20
    return written(folder / "a.html", f"<div>{prose}<p>{prose}</p>" * 2000 + "</div>" * 2000 + f"<p>{prose}</p>" * 9000)


@attack
def html_formula_without_end(folder: Path) -> Path:
    return written(folder / "a.html", "<p><math>" + "<msup><mi>x</mi>" * 100_000)


@attack
def html_lists_without_end(folder: Path) -> Path:
    return written(folder / "a.html", "<ol start=999999999 type=I reversed><li>x" * 500 + "<li value=-1>y" * 50_000)


@attack
def html_options_without_end(folder: Path) -> Path:
    return written(folder / "a.html", "<p>x<select multiple>" + "<option selected>y" * 100_000)


@attack
def book_of_one_chapter_again_and_again(folder: Path) -> Path:
    path = make_epub(folder / "a.epub", [f"<h1>x</h1><p>{'word ' * 100_000}</p>"])
    return edited(
        path, "OEBPS/book.opf", lambda xml: xml.replace("</spine>", '<itemref idref="c0"/>' * 20_000 + "</spine>")
    )


@attack
def book_of_many_empty_chapters(folder: Path) -> Path:
    return make_epub(folder / "a.epub", ["<p></p>"] * 5000 + ["<p>text</p>"])


@attack
def kindle_book_of_copies(folder: Path) -> Path:
    path = make_mobi(folder / "a.mobi", "x" * 3_000_000)
    data = path.read_bytes()
    return written(
        path, data.replace(b"x" * 4000, b"<p>x " + b"\x80\x0f" * 1997 + b"x", 700).replace(b"\0\1\0\0", b"\0\2\0\0", 1)
    )


@attack
def kindle_book_of_page_breaks(folder: Path) -> Path:
    return make_mobi(folder / "a.mobi", "<mbp:pagebreak/>x" * 150_000)


# OpenDocument


@attack
def odt_cells_repeated_without_end(folder: Path) -> Path:
    cell = '<table:table-cell table:number-columns-repeated="2000000000"><text:p>x</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="2000000000">{cell}</table:table-row>'
    return make_open_document(folder / "a.odt", f"<table:table>{row * 300}</table:table>")


@attack
def odt_a_long_cell_repeated(folder: Path) -> Path:
    cell = f'<table:table-cell table:number-columns-repeated="900"><text:p>{"x " * 300_000}</text:p></table:table-cell>'
    return make_open_document(
        folder / "a.odt", f"<table:table><table:table-row>{cell}</table:table-row></table:table>" * 2
    )


@attack
def odt_blanks_without_end(folder: Path) -> Path:
    blanks = '<text:s text:c="2000000000"/>' * 200_000
    return make_open_document(folder / "a.odt", f"<text:p>x{blanks}y</text:p>")


@attack
def odt_lists_and_tables_in_each_other(folder: Path) -> Path:
    xml = "<text:p>text</text:p>"
    for _ in range(60):
        xml = f"<text:list><text:list-item>{xml}</text:list-item></text:list>"
        xml = f"<draw:frame><draw:text-box>{xml}</draw:text-box></draw:frame>"
    return make_open_document(folder / "a.odt", f"<text:p>{xml * 50}</text:p>")


@attack
def odt_one_chart_again_and_again(folder: Path) -> Path:
    row = "<t:table-row>" + "<t:table-cell/>" * 2000 + "<t:table-cell><x:p>1</x:p></t:table-cell></t:table-row>"
    names = " ".join(
        f'xmlns:{one}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for one, name in (("t", "table"), ("x", "text"))
    )
    frame = '<text:p><draw:frame><draw:object xlink:href="./c"/></draw:frame></text:p>'
    chart = f"<c {names}><t:table>{row * 500}</t:table></c>"
    return make_open_document(folder / "a.odt", frame * 20_000, extra={"c/content.xml": chart})


@attack
def odt_styles_based_on_each_other(folder: Path) -> Path:
    styles = "".join(f'<style:style style:name="s{n}" style:parent-style-name="s{n + 1}"/>' for n in range(4000))
    styles += '<style:style style:name="loop" style:parent-style-name="loop"/>'
    body = '<text:p text:style-name="s0">text</text:p><text:p text:style-name="loop">text</text:p>' * 3000
    return make_open_document(folder / "a.odt", body, styles=styles)


@attack
def odp_of_many_slides(folder: Path) -> Path:
    return make_open_document(folder / "a.odp", "<draw:page/>" * 300_000, kind="presentation")


# Files of before 2007, Outlook, rich text, subtitles


@attack
def outlook_messages_in_each_other(folder: Path) -> Path:
    message: Folder = message_of({0x0037: "last", 0x1000: "text"})
    for level in range(40):
        attachment = message_of({}, head_bytes=8) | {"__substg1.0_3701000D": message}
        message = message_of(
            {0x0037: f"level {level}", 0x1000: "text"}, attachments=[attachment] * 2 if level > 36 else [attachment]
        )
    return make_compound_file(folder / "a.msg", message)


@attack
def outlook_attachments_without_end(folder: Path) -> Path:
    return make_compound_file(folder / "a.msg", message_of({0x1000: "text"}, attachments=[message_of({})] * 12_000))


@attack
def outlook_streams_that_lead_in_a_circle(folder: Path) -> Path:
    path = make_compound_file(folder / "a.msg", message_of({0x1000: "text " * 3000}))
    data = bytearray(path.read_bytes())
    table = struct.unpack_from("<I", data, 76)[0] * 512 + 512
    struct.pack_into("<I", data, table + 4 * 3, 1)
    return written(path, bytes(data))


@attack
def rich_text_groups_without_end(folder: Path) -> Path:
    return written(folder / "a.rtf", "{\\rtf1 x" + "{\\b " * 200_000)


@attack
def subtitles_of_marks_left_open(folder: Path) -> Path:
    return written(
        folder / "a.vtt",
        "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "<v <" * 200_000 + "{\\" * 100_000 + "\n" + "a b " * 100_000,
    )


@attack
def subtitles_of_times_without_end(folder: Path) -> Path:
    return written(folder / "a.srt", "00:00:01,000 --> " * 100_000 + "\n" + "999:59:59.999 --> 0:00.1\nx\n\n" * 50_000)


# PDF


def pdf(filters: bytes, stream: bytes, *objects: bytes) -> bytes:
    """A PDF of one page with that stream as its content; `objects` are numbered from 6."""
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Filter %s/Length %d>>stream\n%s\nendstream" % (filters, len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *objects,
    ]
    body = b"".join(b"%d 0 obj%sendobj\n" % (number, part) for number, part in enumerate(parts, start=1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n"


def blanks(layers: int) -> bytes:
    """300 MB of blanks, deflated that many times."""
    deflater = zlib.compressobj(9)
    packed = b"".join(deflater.compress(b" " * _MEGABYTE) for _ in range(300)) + deflater.flush()
    for _ in range(layers - 1):
        packed = zlib.compress(packed, 9)
    return packed


def lzw_of_blanks(count: int) -> bytes:
    """Blanks packed by LZW as PDF has it: codes of 9 to 12 bits, the table cleared when it is full."""
    codes: list[tuple[int, int]] = []
    total = 0
    while total < count:
        codes.append((256, 9 if not codes else 12))
        codes.append((32, 9))
        total, width, length = total + 1, 9, 1
        for entry in range(258, 4094):
            codes.append((entry, width))
            length += 1
            total += length
            width += entry + 2 >= 1 << width and width < 12
    bits = "".join(f"{code:0{width}b}" for code, width in [*codes, (257, 12)])
    return int(bits + "0" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")


@attack
def pdf_stream_behind_an_indirect_filter(folder: Path) -> Path:
    return written(folder / "a.pdf", pdf(b"6 0 R", blanks(2), b"[/FlateDecode /FlateDecode]"))


@attack
def pdf_stream_in_hexadecimal(folder: Path) -> Path:
    return written(folder / "a.pdf", pdf(b"[/ASCIIHexDecode/FlateDecode/FlateDecode]", blanks(2).hex().encode() + b">"))


@attack
def pdf_stream_in_ascii_85(folder: Path) -> Path:
    return written(folder / "a.pdf", pdf(b"[/A85 /Fl /Fl]", base64.a85encode(blanks(2)) + b"~>"))


@attack
def pdf_filters_spelled_in_codes(folder: Path) -> Path:
    return written(folder / "a.pdf", pdf(b"[/F#6cateDecode/#46l]", blanks(2)))


@attack
def pdf_stream_packed_by_lzw(folder: Path) -> Path:
    return written(folder / "a.pdf", pdf(b"/LZWDecode", lzw_of_blanks(300 * _MEGABYTE)))


@attack
def pdf_stream_of_run_lengths(folder: Path) -> Path:
    runs = zlib.compress(zlib.compress(b"\x81 " * (8 * _MEGABYTE), 9), 9)
    return written(folder / "a.pdf", pdf(b"[/FlateDecode/FlateDecode/RunLengthDecode]", runs))


@attack
def pdf_streams_without_end(folder: Path) -> Path:
    # Of 8,000 (256 KB) pdfium takes 20 s, growing with the square: only the process can stop that.
    return written(folder / "a.pdf", b"%PDF-1.4\n" + b"1 0 obj<</Filter 1 0 R>>stream\n" * 2000)


# Data and text


@attack
def json_lists_indented_by_their_depth(folder: Path) -> Path:
    return written(folder / "a.json", "[" * 900 + "1," * 500_000 + "1" + "]" * 900)


@attack
def json_nested_without_end(folder: Path) -> Path:
    return written(folder / "a.json", '{"a":' * 300_000)


@attack
def json_numbers_without_end(folder: Path) -> Path:
    return written(folder / "a.json", f'[{{"a": {"9" * 100_000}, "b": 1e999}}]')


@attack
def notebook_of_odd_types(folder: Path) -> Path:
    return written(
        folder / "a.ipynb", '{"cells": [{"cell_type": "heading", "level": Infinity, "source": "x"}, 5, {"outputs": 5}]}'
    )


@attack
def csv_of_commas(folder: Path) -> Path:
    return written(folder / "a.csv", "a,b\n" + "," * (12 * _MEGABYTE))


@attack
def markdown_blanks_in_a_heading(folder: Path) -> Path:
    return written(
        folder / "a.md", "# a" + " " * _MEGABYTE + "b\n# " + " #" * (_MEGABYTE // 2) + "b\n" + "[" * _MEGABYTE
    )


# Pictures


@attack
def picture_of_a_billion_pixels(folder: Path) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 1, 0, 0, 0, 0))
    rows = zlib.compress(bytes(40_000 * 5001), 9)
    return written(folder / "a.png", b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
