"""Makes small files of each format for the reader tests, with the libraries that write them or by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path


def make_pdf(path: Path, pages: Sequence[Sequence[tuple[float, float, float, str]]], **options: object) -> Path:
    """Write a PDF whose pages are lists of (x, y, size, text); Chinese and English mix."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(path), pagesize=(595, 842), **options)
    for page in pages:
        for x, y, size, text in page:
            canvas.setFont("STSong-Light" if not text.isascii() else "Helvetica", size)
            canvas.drawString(x, y, text)
        canvas.showPage()
    canvas.save()
    return path


def make_zip(path: Path, members: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def make_epub(path: Path, chapters: Sequence[str]) -> Path:
    items = "".join(
        f'<item id="c{n}" href="text/c%20{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in reversed(range(len(chapters))))
    members: dict[str, bytes | str] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf">'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for number, chapter in enumerate(chapters):
        members[f"OEBPS/text/c {number}.xhtml"] = chapter
    return make_zip(path, members)


def make_docx(path: Path) -> Path:
    import docx
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    document = docx.Document()
    document.add_heading("员工手册", level=1)
    document.add_paragraph("试用期为三个月。")
    table = document.add_table(rows=4, cols=3)
    for column, text in enumerate(["部门", "城市", "人数"]):
        table.cell(0, column).text = text
    for row, (city, count) in enumerate([("上海", "12"), ("北京", "30"), ("合计", "42")], start=1):
        table.cell(row, 1).text, table.cell(row, 2).text = city, count
    table.cell(1, 0).merge(table.cell(2, 0)).text = "研发"
    table.cell(3, 0).merge(table.cell(3, 1)).text = "合计"
    document.add_heading("Leave", level=2)
    paragraph = document.add_paragraph("Everyone has ten ")
    inserted = OxmlElement("w:ins")
    run = OxmlElement("w:r")
    text = OxmlElement("w:t")
    text.text = "days of leave."
    run.append(text)
    inserted.append(run)
    paragraph._p.append(inserted)
    deleted = OxmlElement("w:del")
    old_run, old_text = OxmlElement("w:r"), OxmlElement("w:delText")
    old_text.text = "SECRETLY DELETED"
    old_run.append(old_text)
    deleted.append(old_run)
    paragraph._p.append(deleted)
    styled = document.add_paragraph("附则")
    properties = styled._p.get_or_add_pPr()
    level = OxmlElement("w:outlineLvl")
    level.set(qn("w:val"), "0")
    properties.append(level)
    document.save(str(path))
    return path


def make_pptx(path: Path) -> Path:
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "产品路线图"
    box = slide.shapes.add_textbox(Inches(1), Inches(2), Inches(4), Inches(1))
    box.text_frame.text = "第一季度发布 2.0 版。"
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(4), Inches(4), Inches(1)).table
    for row, cells in enumerate([("Item", "Price"), ("Lamp", "29 EUR")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    slide.notes_slide.notes_text_frame.text = "记得提到折扣。"
    presentation.slides.add_slide(presentation.slide_layouts[6])
    chart_slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    data = CategoryChartData()
    data.categories = ["2023", "2024"]
    data.add_series("Revenue", (1.5, 2.25))
    place = (Inches(1), Inches(1), Inches(4), Inches(3))
    chart_slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data)
    presentation.save(str(path))
    return path


def make_xlsx(path: Path) -> Path:
    import datetime

    import openpyxl

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "价目表"
    sheet.append(["二〇二四年价目表"])
    sheet.append(["产品", "价格", "日期", "折扣", "备注"])
    sheet.append(["台灯", 29.0, datetime.datetime(2024, 5, 1), 0.15, "a|b"])
    sheet.append(["书桌", 199.9, datetime.datetime(2024, 5, 2, 13, 30), 0.5, "两行\n文字"])
    sheet.append([None, "=SUM(B3:B4)", None, None, True])
    sheet["D3"].number_format = sheet["D4"].number_format = "0%"
    sheet.merge_cells("A4:A5")
    workbook.create_sheet("Empty")
    other = workbook.create_sheet("Staff")
    other["C7"] = "Name"
    other["D7"] = "Room"
    other["C9"] = "Ann"
    other["D9"] = 12
    workbook.save(str(path))
    return path


def png_of(size: tuple[int, int]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", size, "white").save(buffer, "PNG")
    return buffer.getvalue()


_OPEN_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns"
_OPEN_NAMES = (
    " ".join(
        f'xmlns:{name}="{_OPEN_DOCUMENT}:{space}:1.0"'
        for name, space in {
            "office": "office",
            "text": "text",
            "table": "table",
            "style": "style",
            "draw": "drawing",
            "presentation": "presentation",
            "chart": "chart",
        }.items()
    )
    + ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def make_open_document(
    path: Path, body: str, *, kind: str = "text", styles: str = "", extra: dict[str, bytes | str] | None = None
) -> Path:
    """Write an OpenDocument file around the XML of its body; `styles` are automatic ones."""
    content = f"<office:automatic-styles>{styles}</office:automatic-styles>"
    content += f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    members: dict[str, bytes | str] = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": f"<office:document-content {_OPEN_NAMES}>{content}</office:document-content>",
        "styles.xml": f"<office:document-styles {_OPEN_NAMES}/>",
        "META-INF/manifest.xml": "<manifest/>",
    }
    return make_zip(path, members | (extra or {}))


def make_mobi(
    path: Path,
    html: str,
    *,
    packing: int = 1,
    encryption: int = 0,
    flags: int = 0,
    tail: bytes = b"",
    styles: str = "",
    tables: Sequence[bytes] = (),
) -> Path:
    """Write a book of the Kindle family; each record of text ends with `tail`, as the flags say.

    `styles` follow the text as a flow of their own, as in newer books; `tables` are those of Huffman's codes.
    """
    import struct

    data = html.encode() + styles.encode()
    texts = [data[place : place + 4000] + tail for place in range(0, len(data), 4000)]
    if packing == 2:
        texts = [
            b"".join(bytes([1, byte]) if byte < 9 or byte >= 0x80 else bytes([byte]) for byte in text) for text in texts
        ]
    head = struct.pack(">HHIHHHH", packing, 0, len(data), len(texts), 4096, encryption, 0)
    head += b"MOBI" + struct.pack(">IIIII", 232, 2, 65001, 0, 8 if styles else 6)
    head = head.ljust(112, b"\0") + struct.pack(">II", len(texts) + 1, len(tables))
    head = head.ljust(192, b"\0") + struct.pack(">I", len(texts) + 1 + len(tables))
    head = head.ljust(242, b"\0") + struct.pack(">H", flags)
    end = len(html.encode())
    flows = b"FDST" + struct.pack(">IIIIII", 12, 2, 0, end, end, len(data))
    records = [head, *texts, *tables, flows]
    start = 78 + 8 * len(records)
    index = b""
    for record in records:
        index += struct.pack(">II", start, 0)
        start += len(record)
    path.write_bytes(bytes(60) + b"BOOKMOBI" + bytes(8) + struct.pack(">H", len(records)) + index + b"".join(records))
    return path


def huffman_tables(phrases: dict[int, tuple[bytes, bool]]) -> list[bytes]:
    """Tables whose codes are bytes: each stands for itself, or for its phrase, which may be packed itself."""
    import struct

    short = struct.pack(">256I", *[8 | 0x80 | 255 << 8] * 256)
    tables = b"HUFF" + struct.pack(">III", 24, 24, 24 + len(short)).ljust(20, b"\0") + short + bytes(256)
    index, contents = b"", b""
    for code in range(255, -1, -1):
        content, is_plain = phrases.get(code, (bytes([code]), True))
        index += struct.pack(">H", 512 + len(contents))
        contents += struct.pack(">H", len(content) | is_plain << 15) + content
    return [tables, b"CDIC" + struct.pack(">III", 16, 256, 8) + index + contents]


def record(kind: int, content: bytes = b"") -> bytes:
    """A record of a binary workbook [MS-XLSB]."""
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length = len(content)
    while length >= 128:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return head + bytes([length]) + content


def wide(text: str) -> bytes:
    import struct

    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def make_xlsb(
    path: Path,
    rows: Sequence[Sequence[tuple[object, str]]],
    *,
    hidden: bool = False,
    merged: Sequence[tuple[int, int, int, int]] = (),
    extra: dict[str, bytes | str] | None = None,
) -> Path:
    """Write a binary workbook of one sheet from (value, number format); `merged` has rows, then columns."""
    import struct

    formats = list(dict.fromkeys(form for row in rows for _, form in row))
    styles = b"".join(record(44, struct.pack("<H", 164 + n) + wide(form)) for n, form in enumerate(formats))
    styles += record(617, struct.pack("<I", len(formats)))
    styles += b"".join(record(47, struct.pack("<HH", 0, 164 + n) + bytes(12)) for n in range(len(formats)))
    texts = [value for row in rows for value, _ in row if isinstance(value, str) and not value.startswith("#")]
    sheet = record(145)
    for number, row in enumerate(rows):
        sheet += record(0, struct.pack("<I", number) + bytes(13))
        for column, (value, form) in enumerate(row):
            cell = struct.pack("<II", column, formats.index(form))
            if isinstance(value, str):
                is_error = value.startswith("#")
                sheet += (
                    record(3, cell + b"\x07") if is_error else record(7, cell + struct.pack("<I", texts.index(value)))
                )
            elif isinstance(value, bool):
                sheet += record(10, cell + bytes([value]) + bytes(10))  # the value of a formula
            elif isinstance(value, int):
                sheet += record(2, cell + struct.pack("<I", (value & 0x3FFFFFFF) << 2 | 2))
            elif isinstance(value, float):
                sheet += record(5, cell + struct.pack("<d", value))
    sheet += record(146) + b"".join(record(176, struct.pack("<IIII", *area)) for area in merged)
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    names = {"worksheet": "worksheets/sheet1.bin", "styles": "styles.bin", "sharedStrings": "SharedStrings.bin"}
    relations = "".join(
        f'<Relationship Id="{kind}" Type="{kinds}/{kind}" Target="{name}"/>' for kind, name in names.items()
    )
    book = b"".join(
        record(156, struct.pack("<II", state, 1) + wide(kind) + wide(title))
        for kind, title, state in [("worksheet", "库存", int(hidden)), ("gone", "Gone", 0)]
    )
    members: dict[str, bytes | str] = {
        "xl/workbook.bin": record(131) + book,
        "xl/_rels/workbook.bin.rels": f"<Relationships>{relations}</Relationships>",
        "xl/worksheets/sheet1.bin": sheet,
        "xl/styles.bin": styles + record(618),
        "xl/sharedStrings.bin": b"".join(record(19, b"\0" + wide(text)) for text in texts),
    }
    return make_zip(path, members | (extra or {}))
