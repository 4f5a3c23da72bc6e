"""Which language a text is most likely written in, as ISO 639 names it: by its script, then by its commonest words."""

from __future__ import annotations

import re
from collections import Counter

from minicpm_rag.text.scripts import HANGUL, KANA, letters_by_script

_LOOKED_AT = 800  # characters
_FEWEST_LETTERS = 2
_FEWEST_HITS = 2  # common words
_OF_SCRIPT = {
    "CYRILLIC": "ru", "ARABIC": "ar", "HEBREW": "he", "THAI": "th", "GREEK": "el", "DEVANAGARI": "hi",
    "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh",
}  # fmt: skip
_COMMON = {
    "en": "the of and to in is that for it with as was on are by this be from at which or an not have",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es werden aus",
    "fr": "de la le les et des en un une du est que dans pour qui sur par au ne pas plus avec ce il",
    "es": "de la que el en y los del se las por un para con no una su al lo como más es",
    "it": "di e il la che in un per è una con del non da al dei sono le della si nel alla",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos",
    "nl": "de van een het en in is dat op te zijn met voor die niet aan er om ook als door",
    "sv": "och i att det som en på är av för med den till inte om har de ett var",
    "da": "og i at det er en til af som på de med for den ikke der et har var",
    "pl": "i w na z do się nie to jest że o od po jak przez dla są przy oraz",
    "cs": "a v se na je že s z do o k ve by pro jsou které nebo jako za",
    "tr": "ve bir bu da için ile de olarak olan daha çok en ne gibi var kadar",
    "fi": "ja on ei se että oli joka ovat myös hän kun mutta niin kuin sen tai",
    "hu": "a az és hogy nem is egy ez meg volt de csak már van mint vagy",
    "ro": "de și în a la cu pe din care este nu un o mai pentru sau ca",
    "vi": "là và của có cho các được trong một không người với này những để",
    "id": "yang dan di dengan untuk dari pada ini itu dalam tidak adalah akan atau oleh",
}
# Letters that no other of these languages has: short texts have few of the commonest words.
_LETTERS = {
    "ąęłśźż": "pl", "ěřů": "cs", "ß": "de", "œ": "fr", "ñ¿¡": "es", "ãõ": "pt", "æø": "da", "ğı": "tr", "őű": "hu",
    "ășț": "ro",
}  # fmt: skip
_LANGUAGE_OF = {letter: language for letters, language in _LETTERS.items() for letter in letters}
_TELLING = re.compile(f"[{''.join(_LANGUAGE_OF)}]")
_LANGUAGES_OF_WORD = {
    word: [language for language, common in _COMMON.items() if word in common.split()]
    for words in _COMMON.values()
    for word in words.split()
}
_ADDRESS = re.compile(r"\S{0,60}[@/]\S{0,60}|\w{1,40}(?:\.\w{1,40})+")  # "de" in them is no word
_WORD = re.compile(r"[^\W\d_]+")
_JAPANESE = re.compile(f"[{KANA}]")
_KOREAN = re.compile(f"[{HANGUL}]")


def language_of(text: str) -> str:
    """The most likely language of a text, "" where nothing tells: numbers, or a few words of Latin letters."""
    text = text[:_LOOKED_AT]
    letters = letters_by_script(text)
    if sum(letters.values()) < _FEWEST_LETTERS:
        return ""
    # A Han character says as much as a word of Latin letters; Japanese is written with both.
    weights: Counter[str] = Counter()
    for script, number in letters.items():
        weights[script] += number * (3 if script in ("CJK", "HANGUL", "HIRAGANA", "KATAKANA") else 1)
    script = weights.most_common(1)[0][0]
    if script == "CJK" and len(_JAPANESE.findall(text)) > 0.1 * letters["CJK"]:
        return "ja"
    if script == "CJK" and len(_KOREAN.findall(text)) > 0.3 * letters["CJK"]:
        return "ko"
    if script != "LATIN":
        return _OF_SCRIPT.get(script, "")
    text = text.lower()
    hits = dict.fromkeys(_COMMON, 0)
    for word in _WORD.findall(_ADDRESS.sub(" ", text)):
        for language in _LANGUAGES_OF_WORD.get(word, ()):
            hits[language] += 1
    for letter in _TELLING.findall(text):
        hits[_LANGUAGE_OF[letter]] += 1
    best = max(hits, key=lambda language: hits[language])
    return best if hits[best] >= _FEWEST_HITS else ""
