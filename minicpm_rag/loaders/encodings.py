"""Turns bytes into text: which encoding they are in, and whether the result is text at all.

Knows nothing of formats: markup that declares its encoding passes it as `declared`.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

from minicpm_rag.errors import DocumentError
from minicpm_rag.text.scripts import count_han, has_wide

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the UTF-16 one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What browsers read for a name that a file declares, where that differs: everyone saves in the larger sets.
_MEANT = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932",
    "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932", "euc_kr": "cp949", "ks_c_5601-1987": "cp949",
    "iso8859-1": "cp1252",
    "ascii": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis_620": "cp874", "big5-hkscs": "big5hkscs",
}  # fmt: skip
# Python codecs that a declaration may not choose: no character sets, or ones that would run code or look up names.
_NO_CHARACTER_SETS = frozenset(["idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"])
_DECLARATION = re.compile(
    rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})["']|<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]{2,40})""",
    re.IGNORECASE,
)
# 7-bit encodings that switch character sets by escape sequences; their bytes are valid UTF-8 and read as junk.
_ESCAPES = (
    (re.compile(rb"\x1b\$[@B]|\x1b\$\([DOPQ]|\x1b\([IJ]"), "iso2022_jp_ext"),
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"~\{(?:[\x21-\x77][\x21-\x7e])+~\}"), "hz"),
)
_EBCDIC = ("cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140")
_SHORT_BYTES = 60  # of characters beyond ASCII: below, statistics tell nothing, and most of our users write Chinese
_DETECT_BYTES = 200_000  # enough for a sure answer; chardet is slow on megabytes
_SAMPLE = 20_000  # characters judged

_DROPPED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
_SPACES = re.compile("[\u00a0\u2007\u202f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Fonts often map a glyph to the radical of the same shape; search would never find it.
_RADICALS = re.compile("[\u2e80-\u2fd5]")
# Unicode's compatibility forms leave these out; each stands before the character people type.
_PAIRS = (
    "⺠民⻁虎⻄西⻅见⻆角⻉贝⻋车⻓长⻔门⻘青⻙韦⻚页⻛风⻜飞⻝食⻢马"
    "⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻬齐⻮齿⻰龙⻳龟⺁厂⺒巳⺝月"
)
_LIKE = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))


@dataclass(frozen=True)
class DecodedText:
    """Text with line ends as \\n and no control characters, and the encoding its bytes were in."""

    text: str
    encoding: str


def decode(data: bytes, declared: str = "") -> DecodedText:
    """Decode bytes of unknown encoding; raise DocumentError where the result would be junk.

    The order is byte order mark, what the caller or the text itself declares, escape sequences, UTF-16 by its zero
    bytes, UTF-8; then Chinese where a short text reads as Chinese, and otherwise what its statistics say (chardet).
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _checked(data.decode(encoding, errors="replace"), encoding)
    for name in (declared, _declared_inside(data)):
        if (as_declared := _as_declared(data, name)) is not None:
            return as_declared
    for escape, encoding in _ESCAPES:
        if escape.search(data[:_DETECT_BYTES]) and (switched := _strictly(data, encoding)):
            return _checked(switched, encoding)
    wide = _utf_16_without_mark(data)
    if wide:
        return _checked(data.decode(wide, errors="replace"), wide)
    utf_8 = _decode_utf_8(data)
    if utf_8 is not None:
        return _checked(utf_8, "utf-8")
    for encoding in _candidates(data):
        text = _strictly(data, encoding)
        if text and _looks_like_text(text):
            return DecodedText(clean(text), encoding)
    chinese = _likelier_chinese(data)
    text = data.decode(chinese, errors="replace")
    if text.count("\ufffd") <= len(text) // 200 and _common_share(data, chinese) > 0:  # a few damaged bytes
        return _checked(text, chinese)
    text = data.decode("cp1252", errors="replace")
    if _mostly_latin(text):
        return _checked(text, "cp1252")
    raise _not_text()


def clean(text: str) -> str:
    """Make text fit to store and search: \\n line ends, plain spaces, no control or invisible characters."""
    text = _LINE_ENDS.sub("\n", text)
    text = _DROPPED.sub("", text)
    text = _SPACES.sub(" ", text)
    text = without_surrogates(text)
    return _RADICALS.sub(_character_like, text)


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which have no bytes in UTF-8, by U+FFFD; offsets stay as they are."""
    return _SURROGATES.sub("\ufffd", text)


def _character_like(radical: re.Match[str]) -> str:
    return _LIKE.get(radical.group()) or unicodedata.normalize("NFKC", radical.group())


def _not_text() -> DocumentError:
    return DocumentError("loaders.not_text")


def _checked(text: str, encoding: str) -> DecodedText:
    if not _looks_like_text(text):
        raise _not_text()
    return DecodedText(clean(text), encoding)


def _decode_utf_8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        # A file cut in the middle of a character is still UTF-8, and so is one with a rare bad byte.
        if exc.start >= len(data) - 3 and len(data) > 8:
            return data[: exc.start].decode("utf-8")
        text = data.decode("utf-8", errors="replace")
        bad = text.count("\ufffd")
        good = sum(1 for character in text[:_SAMPLE] if ord(character) > 0x7F and character != "\ufffd")
        return text if bad * 20 <= good and good > 20 and bad * 200 <= len(text) else None


def _without_cut_end(data: bytes, encoding: str) -> str:
    """Decode data whose last character was cut in half; "" when that is not what is wrong."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return ""


def _utf_16_without_mark(data: bytes) -> str:
    """Recognise UTF-16 by its zero bytes, or for Chinese by the high bytes of common characters; else ""."""
    sample = data[:4000]
    if len(sample) < 4 or len(data) % 2:
        return ""
    even, odd = sample[0::2], sample[1::2]
    if odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.05 * len(even):
        return "utf-16-le"
    if even.count(0) > 0.4 * len(even) and odd.count(0) < 0.05 * len(odd):
        return "utf-16-be"
    if _decode_utf_8(data) is not None:
        return ""
    for encoding in ("utf-16-le", "utf-16-be"):
        text = sample.decode(encoding, errors="replace")
        usual, marks = len(_USUAL.findall(text)), len(_FREQUENT.findall(text))
        if usual > 0.97 * len(text) and marks > 0.02 * len(text):
            return encoding
    return ""


def _declared_inside(data: bytes) -> str:
    """The encoding that an XML or HTML declaration at the beginning names; "" where there is none."""
    found = _DECLARATION.search(data[:2048])
    return (found.group(1) or found.group(2)).decode("ascii") if found else ""


def _as_declared(data: bytes, name: str) -> DecodedText | None:
    """The text in the encoding that was declared; None where the bytes contradict it, or nobody knows it."""
    try:
        encoding = codecs.lookup(name).name if name else ""
    except (LookupError, ValueError):
        return None
    if (
        not encoding
        or encoding.replace("-", "_") in _NO_CHARACTER_SETS
        or not getattr(codecs.lookup(name), "_is_text_encoding", True)
    ):
        return None
    encoding = _MEANT.get(name.lower(), _MEANT.get(encoding, encoding))
    if encoding.startswith(("utf-16", "utf-32")):
        return None  # their own marks and zero bytes tell; a declaration that can be read as ASCII is wrong
    if encoding in ("utf-8", "cp1252") and _decode_utf_8(data) is not None:
        return None  # the usual way says so by itself, also where UTF-8 is declared to be Latin
    text = _strictly(data, encoding)
    return DecodedText(clean(text), encoding) if text and _looks_like_text(text) else None


def _strictly(data: bytes, encoding: str) -> str:
    """The text where every byte fits, but for a character cut off at the end; otherwise "" (also for no data)."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return _without_cut_end(data, encoding)


def _candidates(data: bytes) -> list[str]:
    """Encodings to try, likeliest first."""
    import chardet

    chinese = _likelier_chinese(data)
    detected = chardet.detect(data[:_DETECT_BYTES], compat_names=False, exclude_encodings=_EBCDIC)
    found = detected["encoding"] or ""
    guess = _MEANT.get(found, found)
    japanese = next((name for name in ("cp932", "euc_jp") if _reads_as_japanese(data, name)), "")
    if japanese:
        return [guess if guess in _JAPANESE else japanese]
    # Chinese encodings have Hiragana at the same bytes: whichever it is, the language is Japanese.
    if guess.startswith("euc_j") and _HIRAGANA.search(_strictly(data[:_SAMPLE], guess)):
        return [guess]
    if guess == "cp949" and _reads_as_korean(data, chinese):
        return [guess]
    if guess in ("gb18030", "hz", "big5hkscs", "cp950"):
        return [chinese, guess]
    if guess.startswith("utf-16"):  # told by its zero bytes before; random bytes often decode
        guess = ""
    beyond_ascii = sum(byte > 0x7F for byte in data[:_SAMPLE])
    if _reads_as_chinese(data, chinese, beyond_ascii) or not guess:
        return [chinese]
    is_unsure = beyond_ascii < _FEW_BYTES and detected["confidence"] < _UNSURE and guess.startswith("iso8859")
    # What Windows-1252 leaves undefined are letters of Windows-1250.
    return ["cp1252", "cp1250", guess] if is_unsure or _mixes_scripts(data, guess) else [guess]


def _reads_as_japanese(data: bytes, encoding: str) -> bool:
    """Whether bytes would be kana to a large part: few others pair so, and chardet misses a sentence or two."""
    text = _strictly(data[:_SAMPLE], encoding)
    return len(_KANA.findall(text)) > _MOSTLY_KANA * sum(character > "\x7f" for character in text)


def _reads_as_korean(data: bytes, chinese: str) -> bool:
    """Whether all characters beyond ASCII would be Hangul, and none an everyday one of Chinese."""
    beyond_ascii = [character for character in _strictly(data[:_SAMPLE], "cp949") if character > "\x7f"]
    is_hangul = all("\uac00" <= character <= "\ud7a3" for character in beyond_ascii)
    as_chinese = data[:_SAMPLE].decode(chinese, errors="replace")
    return len(beyond_ascii) >= _FEWEST_HANGUL and is_hangul and not _COMMON.intersection(as_chinese)


def _mixes_scripts(data: bytes, encoding: str) -> bool:
    """Whether letters of another script, or lines of a frame, would stand inside of Latin words: "Stra▀e", "KΣse".

    Chardet takes short lists in a Western encoding for a code page of DOS. Chinese and its neighbours do stand so.
    """
    text = _strictly(data[:_SAMPLE], encoding)
    foreign = _FOREIGN.findall(text)
    return bool(foreign) and not has_wide(text) and 2 * sum(map(any, foreign)) >= len(foreign)


def _likelier_chinese(data: bytes) -> str:
    return "cp950" if _common_share(data, "cp950") > _common_share(data, "gb18030") else "gb18030"


def _reads_as_chinese(data: bytes, encoding: str, beyond_ascii: int) -> bool:
    """Whether bytes that chardet takes for another language are a short Chinese text or clearly Chinese."""
    share = _common_share(data, encoding)
    if beyond_ascii >= _SHORT_BYTES:
        return share > 0.2
    return share > 0 and (share > 0.02 or _usual_han_share(data, encoding) > 0.8)


def _usual_han_share(data: bytes, encoding: str) -> float:
    """The share of characters in common use among those beyond ASCII, were the data in this Chinese encoding.

    GB 2312 and Big5 both put the few thousand common characters first: by the lead byte 0xB0-0xD7 and 0xA4-0xC6.
    An accented letter of a Western text pairs with the ASCII letter behind it, which GB 2312 never does.
    """
    lead, trail = ((0xA1, 0xD7), 0xA1) if encoding == "gb18030" else ((0xA1, 0xC6), 0x40)
    characters = usual = position = 0
    while position < len(data) - 1:
        if data[position] < 0x80:
            position += 1
            continue
        characters += 1
        usual += lead[0] <= data[position] <= lead[1] and data[position + 1] >= trail
        position += 2
    return usual / characters if characters else 0.0


_KANA, _HIRAGANA = re.compile("[\u3041-\u30fe]"), re.compile("[\u3041-\u3096]")
_FEWEST_HANGUL = 4
_FEW_BYTES, _UNSURE = 10, 0.05  # beyond ASCII; chardet's confidence
_MOSTLY_KANA = 0.35  # of the characters beyond ASCII
_JAPANESE = frozenset(
    ["cp932", "shift_jis", "shift_jis_2004", "shift_jisx0213", "euc_jp", "euc_jis_2004", "iso2022_jp"]
)
# Characters that are not Latin, with the Latin letters around them; the signs between may be anybody's.
_FOREIGN = re.compile("([A-Za-z]?)[^\u0000-\u024f\u2010-\u20cf\u2122]+([A-Za-z]?)")
_USUAL = re.compile("[\u4e00-\u9fa5\u3000-\u30ff\uff01-\uff5e\r\n -~]")
_FREQUENT = re.compile("[\r\n，。、 的一是了のは]")

# The commonest characters of running text, both scripts; wrong decodings hit them by rare chance only.
_COMMON = frozenset(
    "的一是在不了有和人这這中大为為上个個国國我以要他时時来來用们們生到作地于於出就分对對成会會可主年，。、你好世界文本测試测试"
)


def _common_share(data: bytes, encoding: str) -> float:
    """Return the share of everyday characters among the Chinese ones, were the data in this encoding."""
    text = data[:_SAMPLE].decode(encoding, errors="replace")
    wide = [character for character in text if ord(character) > 0x7F]
    if not wide or text.count("\ufffd") > 1 + len(wide) // 100:
        return 0.0
    return (sum(character in _COMMON for character in wide) + 0.01 * count_han(text)) / len(wide)


def _mostly_latin(text: str) -> bool:
    letters = sum(character.isascii() and (character.isalnum() or character.isspace()) for character in text[:_SAMPLE])
    return letters > 0.7 * len(text[:_SAMPLE])


def _looks_like_text(text: str) -> bool:
    """Tell text from bytes that merely decoded, by its control, unassigned and private characters."""
    sample = text[:_SAMPLE]
    bad = 0
    for character in sample:
        if character in "\t\n\r\x0b\x0c\x00\ufeff\u200b":
            continue
        if character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs"):
            bad += 1
    nul = sample.count("\x00")
    return bad <= 0.02 * len(sample) + 1 and nul <= 0.3 * len(sample)
