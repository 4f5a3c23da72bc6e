from __future__ import annotations

import random
from contextlib import suppress
from encodings.aliases import aliases

import pytest
from conftest import DATA

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file
from minicpm_rag.loaders.encodings import clean, decode

TEXTS = {
    "short_zh": "你好，世界",
    "zh": "这是一个用于测试的文件，内容是中文。版本3.2。",
    "long_zh": "本公司员工每年享有十天带薪年假。" * 30,
    "short_hant": "臺灣的首都",
    "hant": "臺東市的東邊是太平洋，這是一個測試文件。",
    "csv": "姓名,年龄\n张三,25\n",
    "one_zh_word": "Hello 世 world",
    "en": "plain ascii",
    "fr": "Le café est très bon, ça va être là-bas.",
    "jp": "これは日本語のテキストです。文字コードの判定。" * 3,
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk", "cp950"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", TEXTS)
def test_text_is_decoded_whatever_it_was_saved_in(name: str, encoding: str) -> None:
    try:
        data = TEXTS[name].encode(encoding)
    except UnicodeEncodeError:
        pytest.skip("the encoding has no such characters")
    if name == "fr" and encoding in ("gb18030", "gbk"):
        pytest.skip("nobody saves French so")
    assert decode(data).text == TEXTS[name]


@pytest.mark.parametrize("encoding", ["gb18030", "cp950", "utf-16", "utf-8-sig"])
def test_the_encoding_is_reported(encoding: str) -> None:
    assert decode(TEXTS["hant"].encode(encoding)).encoding == encoding


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "cp950"])
def test_a_character_cut_in_half_at_the_end_costs_only_that_character(encoding: str) -> None:
    assert decode(TEXTS["hant"].encode(encoding)[:-1]).text == TEXTS["hant"][:-1]


def test_a_declared_encoding_wins_over_guesses() -> None:
    assert decode("это".encode("windows-1251"), "windows-1251").text == "это"


def test_an_unknown_declared_encoding_does_no_harm() -> None:
    for declared in ("no-such", "hex", "base64"):
        assert decode(TEXTS["zh"].encode("gbk"), declared).text == TEXTS["zh"]


@pytest.mark.parametrize("declared", sorted({*aliases.values(), "undefined", "../x", "a\0b", "x" * 10_000, "é"}))
def test_no_declared_encoding_is_an_error(declared: str) -> None:
    for data in (b"<p>hello</p>", TEXTS["zh"].encode("gbk"), b"a-" * 40_000 + b"\xc3(", bytes(range(256))):
        with suppress(DocumentError):
            decode(data, declared)


def test_random_bytes_are_refused() -> None:
    randomness = random.Random(3)
    for size in [64, 1000, 4096] * 30:
        with pytest.raises(DocumentError, match="readable text"):
            decode(randomness.randbytes(size))


def test_control_characters_and_line_ends_are_made_plain() -> None:
    assert clean("a\r\nb\rc\x00\x07\u200bd\u00a0e\ufeff\x0cf\ud800") == "a\nb\ncd e\nf\ufffd"


def test_radicals_become_the_characters_people_type() -> None:
    assert clean("⼈⺠⽇报") == "人民日报"


def test_zero_bytes_are_dropped_and_the_text_kept() -> None:
    assert decode("正文\x00中间\x00有空字节".encode()).text == "正文中间有空字节"


# Text of other languages in the encodings that its older programs write. Sentences of a few lines, as letters have.
LANGUAGES = {
    "german": ("cp1252", "Für die Rücksendung gelten vierzehn Tage. Mängel müssen schriftlich geäußert werden. "),
    "danish": ("cp1252", "Åbningstiden ændres i påsken. Børn under tolv år får gratis adgang til søbadet. "),
    "swedish": ("cp1252", "Hyran ska betalas före månadens slut. Nyckeln lämnas på kontoret när du flyttar ut. "),
    "polish": ("cp1250", "Umowa została zawarta na czas określony. Następnie należy zapłacić żądaną kwotę źródłową. "),
    "czech": ("cp1250", "Smlouva se uzavírá na dobu určitou. Příští platba je splatná dvacátého září každého roku. "),
    "turkish": ("cp1254", "Sözleşme on iki ay için geçerlidir. Kira bedeli her ayın beşinci gününe kadar ödenir. "),
    "greek": ("cp1253", "Η σύμβαση ισχύει για δώδεκα μήνες. Το ενοίκιο καταβάλλεται έως την πέμπτη ημέρα του μήνα. "),
    "russian": ("koi8-r", "Договор заключён на двенадцать месяцев. Арендная плата вносится до пятого числа. "),
    "hebrew": ("cp1255", "החוזה תקף לשנה אחת. יש לשלם את שכר הדירה עד החמישי בכל חודש. המפתח נמצא אצל השומר. "),
    "arabic": ("cp1256", "العقد ساري المفعول لمدة سنة واحدة. يدفع الإيجار قبل اليوم الخامس من كل شهر. "),
    "thai": ("cp874", "สัญญานี้มีผลบังคับใช้เป็นเวลาสิบสองเดือน ต้องชำระค่าเช่าภายในวันที่ห้าของทุกเดือน "),
    "japanese": ("euc_jp", "契約期間は十二か月とします。賃料は毎月五日までに支払うものとします。" * 3),
    "korean": ("cp949", "계약 기간은 열두 달로 한다. 임대료는 매월 오일까지 납부한다. 열쇠는 관리인이 보관한다. "),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_of_other_languages_is_read_and_never_becomes_chinese(language: str) -> None:
    encoding, sentences = LANGUAGES[language]
    text = sentences * 4
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("cp932", "shift_jis"),
        ("iso2022_jp", "ISO-2022-JP"),
        ("hz", "hz-gb-2312"),
        ("gbk", "GB2312"),
        ("euc_jp", "euc-jp"),
    ],
)
def test_a_declaration_inside_the_text_is_obeyed(encoding: str, declared: str) -> None:
    words = (
        "仕様書は三部あり、表紙に日付が入る。"
        if encoding in ("cp932", "iso2022_jp", "euc_jp")
        else "合同一式三份，封面有日期。"
    )
    text = f'<?xml version="1.0" encoding="{declared}"?>\n<a>{words}</a>'
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(("encoding", "text"), [("iso2022_jp", "納品は三月末です。"), ("hz", "合同一式三份。")])
def test_seven_bit_encodings_are_told_by_their_escape_sequences(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("declared", ["idna", "utf-16", "undefined", "unicode_escape", "rot13", "zlib", "\x00"])
def test_a_declaration_that_is_no_character_set_does_no_harm(declared: str) -> None:
    assert decode("报销单十天内提交。".encode("gbk"), declared).text == "报销单十天内提交。"


SAVED = {
    "text_latin1.txt": "Die Kündigungsfrist beträgt drei Monate.",
    "text_german_long_latin1.txt": "Der Mieter trägt die Schönheitsreparaturen",
    "html_latin1_undeclared.html": "Müller",
    "html_latin1_declared_windows.html": "Kündigungsfrist",
    "text_cp1255.txt": "החוזה בתוקף",
    "text_cp1256.txt": "ساري المفعول",
    "text_sjis_declared.xml": "東京支社の営業時間",
    "text_sjis.txt": "東京支社の営業時間",
    "text_euckr.txt": "서울 지점의",
    "text_big5.txt": "本合約有效期為十二個月",
    "text_cp1251.txt": "Договор аренды",
    "text_french_latin1.txt": "Le dépôt de garantie",
    "text_spanish_latin1.txt": "El año pasado la compañía",
}


@pytest.mark.parametrize("name", SAVED)
def test_files_of_older_programs_are_read(name: str) -> None:
    assert SAVED[name] in load_file(DATA / "encodings" / name).pages[0].text


@pytest.mark.parametrize(
    "text",
    [
        "Straße;Größe;Preis\nMühlgasse 3;80 m²;950 €\nÖdweg 7;65 m²;800 €\n",
        "Prix: 45 €\nRéf: n° 7",
        "Menü: Käsespätzle 12 €",
        "Temperatur: 21 °C ± 2 °C\nFläche 12 m²",
    ],
)
def test_short_western_lists_become_no_other_script(text: str) -> None:
    assert decode(text.encode("cp1252")).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Ο εργαζόμενος δικαιούται άδεια είκοσι ημερών, USB και PC.", "iso8859-7"),
        ("Отпуск 28 дней, заявление на сайте SAP или через VPN.", "cp1251"),
        ("メニューはWebサイトのPDFとUSBメモリにあります。", "cp932"),
    ],
)
def test_words_of_other_scripts_beside_latin_ones_stay(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("会議は火曜日です。", "euc_jp"),
        ("ご注意ください", "euc_jp"),
        ("회의는 화요일입니다", "cp949"),
        ("Señor Núñez", "cp1252"),
        ("déjà vu", "cp1252"),
        ("Prix : 45 € – réf. n° 7", "cp1252"),
        ("Žluťoučký kůň", "cp1250"),
        ("会议改到周五下午", "gb18030"),
        ("會議改到週五下午", "cp950"),
    ],
)
def test_a_few_words_are_read_in_the_encoding_of_their_language(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text
