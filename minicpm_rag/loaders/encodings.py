"""Turns bytes into text: which encoding they are in, and whether the result is text at all.

Knows nothing of formats: markup that declares its encoding passes it as `declared`.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

from minicpm_rag.errors import DocumentError
from minicpm_rag.text.scripts import count_han

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the UTF-16 one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings that chardet is believed about; others it guesses too freely on short Chinese samples.
_CHINESE = {
    "gb18030": "gb18030",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "hz",
    "big5": "cp950",
    "big5-hkscs": "big5hkscs",
}
_TRUSTED = frozenset(
    ["shift_jis", "cp932", "euc-jp", "euc_jp", "iso-2022-jp", "euc-kr", "cp949", "koi8-r", "windows-1251"]
)
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

    The order is byte order mark, declaration, strict UTF-8, UTF-16 by its zero bytes, then Chinese encodings.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _checked(data.decode(encoding, errors="replace"), encoding)
    wide = _utf_16_without_mark(data)
    if wide:
        return _checked(data.decode(wide, errors="replace"), wide)
    utf_8 = _decode_utf_8(data)
    if utf_8 is not None:
        return _checked(utf_8, "utf-8")
    for encoding in _candidates(data, declared):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            text = _without_cut_end(data, encoding)
        except LookupError:  # a page may declare an encoding that nobody has
            continue
        if text and _looks_like_text(text):
            return DecodedText(clean(text), encoding)
    text = data.decode("gb18030", errors="replace")
    if text.count("\ufffd") <= len(text) // 200 and _looks_like_text(text):  # a few damaged bytes
        return DecodedText(clean(text), "gb18030")
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


def _candidates(data: bytes, declared: str) -> list[str]:
    """List encodings to try, likeliest first."""
    import chardet

    names = []
    if declared:
        names.append(_CHINESE.get(declared.lower(), declared.lower()))
    guess = (chardet.detect(data[:_DETECT_BYTES])["encoding"] or "").lower().replace("_", "-")
    if guess in _CHINESE:
        names.append(_CHINESE[guess])
    elif guess in _TRUSTED and len(data) > 60:
        names.append(guess)
    chinese = ["gb18030", "cp950"]
    if _common_characters(data, "cp950") > _common_characters(data, "gb18030"):
        chinese.reverse()
    names += [name for name in chinese if _common_characters(data, name) > 0]
    return names


_USUAL = re.compile("[\u4e00-\u9fa5\u3000-\u30ff\uff01-\uff5e\r\n -~]")
_FREQUENT = re.compile("[\r\n，。、 的一是了のは]")

# The commonest characters of running text, both scripts; wrong decodings hit them by rare chance only.
_COMMON = frozenset(
    "的一是在不了有和人这這中大为為上个個国國我以要他时時来來用们們生到作地于於出就分对對成会會可主年，。、你好世界文本测試测试"
)


def _common_characters(data: bytes, encoding: str) -> float:
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
