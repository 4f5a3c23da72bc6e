"""How people really ask: typing errors, politeness, other forms of numbers; and questions spoiled on purpose.

`spoiled` changes one name, number or word of a text so that its passage no longer says it: the made near misses of the
public questions.
"""

from __future__ import annotations

import random
import re
from functools import lru_cache

from values import ZH_DIGITS, full_width

POLITE = {
    "en": [
        "Could you please tell me: {q}",
        "Hi, {q} Thanks!",
        "Please help me, {q}",
        "I would like to know: {q}",
        "Quick question: {q}",
        "{q} Please answer soon, it is urgent.",
        "Do you know this? {q}",
        "Hello! I was wondering, {q}",
        "{q} Thank you very much.",
        "Sorry to bother you. {q}",
    ],
    "zh": [
        "请问{q}",
        "麻烦帮我查一下，{q}",
        "你好，{q}谢谢！",
        "{q}急用，谢谢。",
        "帮忙看看{q}",
        "我想知道{q}",
        "劳驾问一下，{q}",
        "不好意思打扰了，{q}",
        "能告诉我{q}",
        "想请教一下：{q}在线等。",
    ],
}
_NEAR = {
    "的": "得",
    "得": "的",
    "在": "再",
    "再": "在",
    "做": "作",
    "作": "做",
    "那": "哪",
    "哪": "那",
    "年": "念",
    "是": "事",
    "时": "是",
    "有": "又",
    "多": "朵",
    "少": "小",
    "公": "工",
    "司": "思",
    "由": "油",
    "为": "位",
    "位": "为",
    "谁": "水",
    "何": "和",
    "名": "明",
    "地": "的",
    "城": "成",
    "成": "城",
    "第": "弟",
    "间": "见",
    "国": "果",
    "人": "任",
    "字": "子",
    "长": "常",
    "什": "甚",
    "么": "吗",
    "几": "机",
    "被": "倍",
    "与": "于",
    "于": "与",
}
_OPPOSITES = {
    "en": [
        ("first", "last"),
        ("largest", "smallest"),
        ("highest", "lowest"),
        ("before", "after"),
        ("north", "south"),
        ("northern", "southern"),
        ("east", "west"),
        ("eastern", "western"),
        ("increase", "decrease"),
        ("increased", "decreased"),
        ("most", "least"),
        ("more", "fewer"),
        ("oldest", "youngest"),
        ("longest", "shortest"),
        ("best", "worst"),
        ("begin", "end"),
        ("started", "ended"),
        ("won", "lost"),
        ("minimum", "maximum"),
        ("early", "late"),
        ("above", "below"),
        ("born", "buried"),
        ("male", "female"),
        ("public", "private"),
        ("strongest", "weakest"),
        ("win", "lose"),
        ("allowed", "forbidden"),
        ("import", "export"),
        ("inside", "outside"),
        ("left", "right"),
        ("common", "rare"),
    ],
    "zh": [
        ("最大", "最小"),
        ("最高", "最低"),
        ("最多", "最少"),
        ("最早", "最晚"),
        ("之前", "之后"),
        ("以前", "以后"),
        ("东部", "西部"),
        ("南部", "北部"),
        ("北", "南"),
        ("东", "西"),
        ("增加", "减少"),
        ("上升", "下降"),
        ("第一", "第三"),
        ("开始", "结束"),
        ("出生", "去世"),
        ("建立", "解散"),
        ("成立", "解散"),
        ("胜", "败"),
        ("父亲", "母亲"),
        ("哥哥", "弟弟"),
        ("大", "小"),
        ("男", "女"),
        ("上", "下"),
        ("前", "后"),
        ("进口", "出口"),
        ("允许", "禁止"),
        ("左", "右"),
        ("公立", "私立"),
    ],
}
_DENIALS = {
    "en": [
        (" is ", " is not "),
        (" was ", " was not "),
        (" are ", " are not "),
        (" were ", " were not "),
        (" did ", " did not "),
        (" can ", " cannot "),
        (" has ", " has never "),
        (" have ", " have never "),
        (" does ", " does not "),
        (" had ", " never had "),
    ],
    "zh": [
        ("可以", "不可以"),
        ("能够", "不能"),
        ("属于", "不属于"),
        ("位于", "不位于"),
        ("担任", "没有担任"),
        ("获得", "没有获得"),
        ("是", "不是"),
        ("有", "没有"),
        ("会", "不会"),
    ],
}
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[一二三四五六七八九十百千]{1,5}(?=[年月日个人次位名岁亿万座])")
_LATIN_NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][\w'’-]+)(?: (?:of |the |de )?[A-Z][\w'’-]+)*")
_QUOTED = re.compile(r"[《「“\"]([^》」”\"]{2,20})[》」”\"]")


def language(text: str) -> str:
    """ "zh" where there are Han characters."""
    return "zh" if re.search(r"[\u4e00-\u9fff]", text) else "en"


def mistyped(text: str, rng: random.Random) -> str:
    """One or two typing errors."""
    for _ in range(rng.choice([1, 1, 1, 2])):
        if language(text) == "zh":
            places = [n for n, c in enumerate(text) if c in _NEAR]
            if places and rng.random() < 0.6:
                n = rng.choice(places)
                text = text[:n] + _NEAR[text[n]] + text[n + 1 :]
            elif len(text) > 6:
                n = rng.randrange(1, len(text) - 2)
                text = rng.choice(
                    [
                        text[:n] + text[n + 1 :],
                        text[:n] + text[n + 1] + text[n] + text[n + 2 :],
                        text[:n] + text[n] + text[n:],
                    ]
                )
        else:
            words = [m.span() for m in re.finditer(r"[A-Za-z]{4,}", text)]
            if words:
                start, stop = rng.choice(words)
                n = rng.randrange(start + 1, stop - 1)
                letter = rng.choice("abcdefghilmnoprstu")
                text = rng.choice(
                    [
                        text[:n] + text[n + 1 :],
                        text[:n] + text[n + 1] + text[n] + text[n + 2 :],
                        text[:n] + text[n] + text[n:],
                        text[:n] + letter + text[n + 1 :],
                    ]
                )
    return text


def polite(text: str, rng: random.Random) -> str:
    """With the words around it that people use."""
    lang = language(text)
    bare = text.rstrip("？?") if lang == "zh" and rng.random() < 0.4 else text
    if lang == "en" and bare and rng.random() < 0.3:
        bare = bare[0].lower() + bare[1:]
    return rng.choice(POLITE[lang]).format(q=bare)


def other_digits(text: str, rng: random.Random) -> str:
    """Full-width digits and letters, or a year in Chinese digits; without the question mark at times; in lower case."""
    if language(text) == "zh":
        year = re.search(r"\d{4}(?=年)", text)
        if year and rng.random() < 0.6:
            return (
                text[: year.start()]
                + "".join("〇" if c == "0" else ZH_DIGITS[int(c)] for c in year.group())
                + text[year.end() :]
            )
        return full_width(text) if re.search(r"[0-9A-Za-z]", text) else text.rstrip("？?")
    return rng.choice(
        [text.lower(), text.rstrip("?"), text.lower().rstrip("?"), text.upper() if rng.random() < 0.2 else text.lower()]
    )


def as_asked(text: str, rng: random.Random) -> str:
    """The question as somebody may type it: more than half the time as it stands."""
    draw = rng.random()
    if draw < 0.55:
        return text
    if draw < 0.72:
        return mistyped(text, rng)
    if draw < 0.86:
        return polite(text, rng)
    if draw < 0.95:
        return other_digits(text, rng)
    return polite(mistyped(text, rng), rng)


@lru_cache(maxsize=100_000)
def names(text: str) -> list[str]:
    """Names in a text, roughly: Latin ones by capitals, quoted titles, Chinese people, places and organisations."""
    found = [m.group() for m in _LATIN_NAME.finditer(text)] + [m.group(1) for m in _QUOTED.finditer(text)]
    if language(text) == "zh":
        import jieba.posseg

        from minicpm_rag.text.terms import to_simplified

        simplified, at = to_simplified(text), 0
        if len(simplified) == len(text):  # the dictionary is in simplified characters
            for word, flag in jieba.posseg.cut(simplified, HMM=False):
                if flag in ("nr", "ns", "nt", "nz", "nrt") and len(word) > 1:
                    found.append(text[at : at + len(word)])
                at += len(word)
    return found


def spoiled(
    text: str, passage: str, passage_names: list[str], other_names: list[str], rng: random.Random
) -> tuple[str, str] | None:
    """`text` with one thing changed so that `passage` does not say it, and what was changed; None where nothing was."""
    lang = language(text)
    for way in rng.sample(["name", "name", "number", "opposite", "denial"], 5):
        if way == "name":
            own = [n for n in names(text) if n in passage and len(n) > 1]
            source = passage_names if rng.random() < 0.5 else other_names
            pool = [
                n
                for n in rng.sample(source, min(30, len(source)))
                if n not in text and language(n) == lang and not any(n in o or o in n for o in own)
            ]
            if own and pool:
                return text.replace(rng.choice(own), rng.choice(pool)), way
        elif way == "number":
            found = list(_NUMBER.finditer(text))
            if found:
                match = rng.choice(found)
                others = [
                    m.group()
                    for m in _NUMBER.finditer(passage)
                    if m.group() not in text
                    and (m.group()[0].isdigit() == match.group()[0].isdigit())
                    and len(m.group()) == len(match.group())
                ]
                new = (
                    rng.choice(others)
                    if others and rng.random() < 0.5
                    else "".join(
                        rng.choice("123456789")
                        if c.isdigit() and rng.random() < 0.5
                        else rng.choice("一二三四五六七八九")
                        if c in ZH_DIGITS
                        else c
                        for c in match.group()
                    )
                )
                if new != match.group():
                    return text[: match.start()] + new + text[match.end() :], way
        elif way == "opposite":
            pairs = [(a, b) for x, y in _OPPOSITES[lang] for a, b in ((x, y), (y, x))]
            fitting = [
                (a, b) for a, b in pairs if (re.search(rf"\b{a}\b", text) if lang == "en" else a in text and len(a) > 1)
            ]
            if fitting:
                a, b = rng.choice(fitting)
                return (re.sub(rf"\b{a}\b", b, text, count=1) if lang == "en" else text.replace(a, b, 1)), way
        else:
            fitting = [(a, b) for a, b in _DENIALS[lang] if a in text and b.strip() not in text]
            if fitting and not re.search(r"\bnot\b|n't|never|不|没|未|无", text):
                a, b = fitting[0] if lang == "zh" else rng.choice(fitting)
                return text.replace(a, b, 1), way
    return None
