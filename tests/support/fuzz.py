"""Fuzzing of the file readers: originals of every format, changed at random in ways that hurt, read as an ingest does.

`python tests/support/fuzz.py 5000 --seed 1` reads 5,000 such files and prints what became of them; a test reads a few.
Every input is made from the seed and its number alone, so `--only 1234` makes and reads one of them again.
"""

from __future__ import annotations

import argparse
import io
import random
import re
import struct
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from compound_files import make_compound_file, message_of
from office_files import (
    huffman_tables,
    make_docx,
    make_epub,
    make_mobi,
    make_pdf,
    make_pptx,
    make_xlsb,
    make_xlsx,
    png_of,
)

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import isolated
from minicpm_rag.loaders.formats import SUFFIXES

DATA = Path(__file__).parents[1] / "data"
KNOWLEDGE = DATA.parents[1] / "knowledge"
WORDS = "The pump of building 7 is serviced every 90 days. 水泵每九十天保养一次，由张三负责。\n\n"
# Verdicts that no reader gave: it broke, or the process around it ended it.
OF_THE_PROCESS = ("reader_failed", "reader_died", "reader_overran", "needs_memory", "no_child")
LARGEST = 400_000  # bytes of an original: smaller ones are read, and so broken, more often

# Tokens that readers stumble over where they do not count, compare or convert with care.
TOKENS = [
    b"0", b"-1", b"1e999", b"4294967295", b"-2147483649", b"9" * 400, b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"%s%n",
    b"\r\n\r\n", b"--", b"<", b">", b"&#x110000;", b"&lol;", b'"', b"'", b"[" * 200, b"{" * 200, b"(" * 200,
    b"NaN", b"Infinity", b"null", b"../../etc/passwd", b"http://127.0.0.1:9/x", b"=?utf-8?b?//8=?=", b"\\ud800",
    "\u202e\ufeff\u0000𝟘²".encode(), b"obj endobj", b"stream\n", b"/Length -1", b"/Kids[3 0 R 2 0 R]", b"charset=idna",
]  # fmt: skip


@dataclass
class Outcome:
    """What became of all inputs: verdicts by key, and the numbers of those whose reader broke."""

    verdicts: Counter[str]
    broken: list[tuple[int, str, str]]
    slowest_seconds: float = 0.0


def originals() -> list[tuple[str, bytes]]:
    """(ending, bytes) of at least one sound file of every format that is read."""
    found = [
        (path.suffix.lower(), path.read_bytes())
        for folder in (KNOWLEDGE, DATA)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix.lower() in SUFFIXES and path.stat().st_size < LARGEST
        and "golden" not in path.parts and "tiny-reader" not in path.parts
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        make_pdf(top / "a.pdf", [[(72, 720, 12, "Pump"), (72, 700, 10, "serviced every 90 days")]] * 3)
        make_docx(top / "a.docx"), make_pptx(top / "a.pptx"), make_xlsx(top / "a.xlsx")
        inner = message_of({0x0037: "inner", 0x1000: WORDS})
        attachments = [message_of({0x3707: "a.pdf"}), message_of({}) | {"__substg1.0_3701000D": inner}]
        message = message_of({0x0037: "Pump", 0x0C1A: "Li", 0x1000: WORDS * 3}, attachments=attachments)
        make_compound_file(top / "a.msg", message)
        # Packed as MS-OXRTFCP, 4.1.1 has it.
        rich = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
        make_compound_file(top / "rich.msg", message_of({0x0037: "Pump"}, binaries={0x1009: bytes.fromhex(rich)}))
        rows = [[("Pump", "General"), (1234.5, "0.00")], [("水泵", "General"), (7, "00000"), ("#DIV/0!", "General")]]
        make_xlsb(top / "a.xlsb", rows, merged=[(0, 1, 2, 2)])
        tables = huffman_tables({1: (b"The valve closes. ", True), 2: (b"\1\1\1", False)})
        make_mobi(top / "huff.mobi", "<h1>Pump</h1><p>\2\1</p>", packing=17480, tables=tables)
        make_mobi(top / "a.mobi", f"<h1>Pump</h1><p>{WORDS * 30}</p><mbp:pagebreak/>x", packing=2)
        make_epub(top / "a.epub", [f"<h1>Pump</h1><p>{WORDS * 3}</p>", f"<table><tr><td>{WORDS}</table>"])
        found += [(path.suffix, path.read_bytes()) for path in sorted(top.iterdir())]
    boundary = "Content-Type: multipart/mixed; boundary=b\n\n"
    mail = (
        f"Subject: =?utf-8?b?5rC05rO1?=\nFrom: a@b\nTo: c@d\n{boundary}--b\n"
        f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=E6=B0=B4 pump=\n\n"
        "--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner\n--b\nContent-Type: application/pdf\n"
        'Content-Disposition: attachment; filename="a.pdf"\n\nx\n--b--\n'
    )
    saved = (
        "From: <Saved by Blink>\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\n"
        f"Content-Type: text/html; charset=utf-8\n\n<html><body><p>{WORDS}</p></body></html>\n--b--\n"
    )
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg"><title>Pump</title><g transform="translate(1, 2)">'
        '<text y="1">Pump<tspan dy="9">90</tspan></text></g></svg>'
    )
    space = "urn:oasis:names:tc:opendocument:xmlns"
    names = " ".join(f'xmlns:{name}="{space}:{name}:1.0"' for name in ("office", "text", "table"))
    names += ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
    flat = f"<office:document {names}><office:body>{{}}</office:body></office:document>"
    words = f"<text:h>Pump</text:h><text:p>{WORDS}</text:p>"
    cell = f"<table:table-cell><text:p>{WORDS}</text:p></table:table-cell>"
    page = f"<title>t</title><h1>Pump</h1><p>{WORDS}<table><tr><th>a<th>b<tr><td colspan=2>1</table><ol><li>x</ol>"
    notebook = (
        '{"cells":[{"cell_type":"markdown","source":["# Pump\\n","x"]},{"cell_type":"code","source":"1",'
        '"outputs":[{"output_type":"stream","text":["1\\n"]}]}]}'
    )
    texts = {
        ".eml": mail, ".mbox": 2 * f"From a@b Mon Mar  2 08:00:00 2026\n{mail}\n",
        ".mhtml": saved, ".html": page, ".xhtml": page, ".svg": drawing,
        ".fodt": flat.format(f"<office:text>{words}</office:text>"),
        ".fodp": flat.format(f"<office:presentation><draw:page>{words}</draw:page></office:presentation>"),
        ".fods": flat.format(
            f'<office:spreadsheet><table:table table:name="a"><table:table-row>{cell * 2}</table:table-row>'
            "</table:table></office:spreadsheet>"
        ),
 ".ipynb": notebook,
        ".md": f"# Pump\n\n{WORDS}" * 4,
        ".rst": f"Pump\n====\n\n{WORDS}" * 4, ".csv": "key;value\n" + "pump;1,5\n" * 20, ".tsv": "a\tb\npump\t1\n" * 20,
        ".json": '[{"key": "pump", "n": 1.5, "x": [null, true]}]', ".jsonl": '{"key": "pump"}\n' * 9,
        ".txt": WORDS * 9, ".xml": f"<?xml version='1.0' encoding='utf-8'?><a>{WORDS}</a>",
        ".py": "def pump():\n  pass\n",
        ".ics": f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Pump\nDTSTART:20260302T080000Z\nDESCRIPTION:{WORDS}\n"
        "END:VEVENT\nEND:VCALENDAR\n",
        ".vcf": "BEGIN:VCARD\nVERSION:3.0\nFN:李明\nTEL;TYPE=WORK:0755-8610\nNOTE:pump\nEND:VCARD\n",
        ".srt": "1\n00:00:01,000 --> 00:00:02,000\nPump\n\n", ".yaml": "pump: 1\n", ".ini": "[pump]\na=1\n",
    }  # fmt: skip
    found += [(ending, text.encode()) for ending, text in texts.items()]
    found += [(ending, png_of((8, 8))) for ending in (".png", ".jpg", ".gif", ".bmp")]
    return found


# Changes
Change = Callable[[random.Random, bytes], bytes]


def flip_bits(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut_off(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def take_out(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.choice((1, 4, 100, 5000)) :]


def repeat_a_part(chance: random.Random, data: bytes) -> bytes:
    at, length = chance.randrange(len(data)), chance.choice((1, 10, 200, 4000))
    part = data[at : at + length]
    return data[:at] + part * chance.choice((2, 5, 50, 400_000 // max(1, len(part)))) + data[at:]


def put_in_a_token(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 3, 20))):
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.choice(TOKENS) + data[at + chance.choice((0, 0, 1, 5)) :]
    return data


def change_numbers(chance: random.Random, data: bytes) -> bytes:
    found = list(re.finditer(rb"\d+", data[:200_000]))
    for match in sorted(chance.sample(found, min(len(found), chance.choice((1, 3, 30)))), key=lambda m: -m.start()):
        number = chance.choice(
            (b"0", b"-1", b"2147483648", b"99999999999999999999", b"1.5", b"%d" % chance.randrange(300))
        )
        data = data[: match.start()] + number + data[match.end() :]
    return data


def change_tags(chance: random.Random, data: bytes) -> bytes:
    """Swap, double or drop elements of XML and HTML, which leaves it well-formed more often than bytes do."""
    found = list(re.finditer(rb"<([A-Za-z][\w:.-]*)\b[^<>]*>[^<]*", data[:300_000]))
    if len(found) < 2:
        return put_in_a_token(chance, data)
    first, second = sorted(chance.sample(found, 2), key=lambda match: match.start())
    return chance.choice((
        data[: first.start()] + second[0] + data[first.end() : second.start()] + first[0] + data[second.end() :],
        data[: first.start()] + data[first.start() : second.end()] * 2 + data[second.end() :],
        data[: first.start()] + data[first.end() :],
        data[: first.start()] + first[0] * 3000 + data[first.start() :],
    ))  # fmt: skip


def change_32_bits(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    value = struct.pack(chance.choice("<>") + "I", chance.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF)))
    return data[:at] + value + data[at + 4 :]


CHANGES: list[Change] = [
    flip_bits, cut_off, take_out, repeat_a_part, put_in_a_token, change_numbers, change_tags, change_32_bits,
]  # fmt: skip


def change_members(chance: random.Random, data: bytes) -> bytes:
    """Change parts inside a zip file, which stays a sound zip file: bytes changed outside only break its checksums."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, zlib.error):
        return flip_bits(chance, data)
    texts = [
        number for number, (name, _) in enumerate(members) if name.endswith((".xml", ".rels", "html", ".opf", ".bin"))
    ]
    for number in chance.sample(texts, min(len(texts), chance.choice((1, 1, 2)))):
        name, content = members[number]
        members[number] = (name, chance.choice(CHANGES)(chance, content) if content else b"<a/>")
    action = chance.randrange(12)
    if action == 0:
        del members[chance.randrange(len(members))]
    elif action == 1:
        members.append((chance.choice(("../../a", "/etc/x", "a" * 300, "word/document.xml", "mimetype")), b"<a/>"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def change_streams(chance: random.Random, data: bytes) -> bytes:
    """Change what is packed inside a PDF's streams."""
    found = list(re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", data, re.S))
    chance.shuffle(found)
    for match in found[:5]:
        try:
            content = zlib.decompress(match[1])
        except zlib.error:
            continue
        if content:
            changed = zlib.compress(chance.choice(CHANGES)(chance, content))
            return data[: match.start(1)] + changed + data[match.end(1) :]
    return change_numbers(chance, data)


def make(number: int, seed: int, sound: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The ending and bytes of an input."""
    chance = random.Random(f"{seed}-{number}")
    ending, data = sound[number % len(sound)]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        inside = {b"PK": change_members, b"%P": change_streams}.get(data[:2])
        change = inside if inside is not None and chance.random() < 0.7 else chance.choice(CHANGES)
        data = change(chance, data) or b"x"
    if chance.random() < 0.05:
        other, content = chance.choice(sound)
        data, ending = chance.choice(((data + content, ending), (content + data, ending), (data, other)))
    return ending, data


def run(
    numbers: Sequence[int], seed: int, folder: Path, on_progress: Callable[[int], object] = lambda _: None
) -> Outcome:
    """Read inputs by their numbers, each in a child process, with a sound file now and then that must be read."""
    sound = originals()
    outcome = Outcome(Counter(), [])
    sentinel = folder / "sound.txt"
    sentinel.write_text(WORDS, encoding="utf-8")
    for number in numbers:
        ending, data = make(number, seed, sound)
        path = folder / f"input{ending}"
        path.write_bytes(data)
        began = time.monotonic()
        try:
            loaded = isolated.load_file(path, ocr=False)
            for page in loaded.pages:
                page.text.encode()  # what is no text could not be stored
            verdict = "read" if loaded.pages else "empty"
        except DocumentError as exc:
            verdict = exc.reason.key.removeprefix("loaders.")
            if verdict in OF_THE_PROCESS:
                outcome.broken.append((number, ending, str(exc.reason)))
        outcome.slowest_seconds = max(outcome.slowest_seconds, time.monotonic() - began)
        outcome.verdicts[verdict] += 1
        if number % 25 == 0 and "水泵" not in isolated.load_file(sentinel).pages[0].text:
            raise AssertionError(f"after input {number} a sound file is not read")
        path.unlink()
        on_progress(number)
    return outcome


def main() -> None:
    """Read as many inputs as asked for, and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="make and read one input again, and keep it here")
    wanted = parser.parse_args()
    if wanted.only is not None:
        ending, data = make(wanted.only, wanted.seed, originals())
        Path(f"input-{wanted.only}{ending}").write_bytes(data)
    numbers = range(wanted.count) if wanted.only is None else [wanted.only]
    isolated.MEMORY_BYTES, isolated.FILE_SECONDS = 1 << 30, 60
    began = time.monotonic()

    def tell(number: int) -> None:
        if number % 250 == 249:
            sys.stderr.write(f"{number + 1} inputs, {time.monotonic() - began:.0f} s\n")

    with tempfile.TemporaryDirectory() as folder:
        outcome = run(numbers, wanted.seed, Path(folder), tell)
    lines = [f"{count:6} {verdict}" for verdict, count in outcome.verdicts.most_common()]
    lines += [f"input {number}{ending}: {why}" for number, ending, why in outcome.broken]
    lines.append(f"{len(numbers)} inputs from {len(originals())} originals, slowest {outcome.slowest_seconds:.1f} s")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
