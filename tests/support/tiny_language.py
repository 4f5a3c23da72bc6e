"""A small question language in Chinese and English: made-up things, what is said of them, and who asks.

The tiny reader in `data/tiny-reader` was trained on it (`train_tiny_model.py`) and the tests ask it in it.
Names and values are split by a checksum of their letters: what is held out was never trained on, so that a
right answer can only have been read from the passages.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from minicpm_rag.answering.prompt import build_prompt
from minicpm_rag.records import HEADINGS, PAGE, PAGE_KIND, PAGE_LABEL, TITLE

HELD_OUT_TENTH = 0  # names and values whose checksum ends so are for testing only

NAME_HANZI = (
    "星河云海山川松竹梅兰东西南北春秋冬夏金银铜铁水火木土天地日月风雷光明华安宁平和顺达通远大长高新"
    "美丽青红白黑绿蓝紫龙凤虎鹤马牛羊鹿鱼鸟花草树石玉珠江湖溪泉港湾桥城村园林田野峰岭岩沙雪霜露雨"
    "恒久永昌盛隆兴旺发祥瑞福康健乐欣悦佳嘉良善仁义礼智信诚立成宏伟博思文武英杰超越飞腾启航创领"
)
KINDS_ZH = ("计划", "公司", "产品", "项目", "系统", "工厂", "中心", "")
SURNAMES = "赵钱孙李周吴郑王冯陈蒋沈韩杨朱秦许何吕张孔曹严金魏陶姜"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚桂英华玉兰红梅建国志文"
CITIES_ZH = ("北京", "上海", "广州", "深圳", "成都", "杭州", "南京", "武汉", "西安", "苏州", "青岛", "大连")
COLOURS_ZH = ("红色", "蓝色", "绿色", "黄色", "紫色", "白色", "黑色", "灰色", "橙色", "棕色")
SYLLABLES = re.findall(
    "[a-z]+",
    "vel nor bri tan kel mor zan qui lor dex fim gal hov jun pra sel tur wex yad zor "
    "ba ce di fo gu ha ki lo mu ne pa ro su ti va wi ya ze ar en il or us im",
)
KINDS_EN = ("Project", "Company", "System", "Plant", "Center", "")
FIRST_NAMES = (
    *("Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Iris", "Jack"),
    *("Karen", "Leo", "Maria", "Nina", "Oscar", "Paula", "Rosa", "Sam", "Tina", "Victor"),
)
STREETS = ("Oak", "Maple", "River", "Hill", "Lake", "Church", "Market", "Garden", "Station", "Bridge")
CITIES_EN = (
    *("London", "Paris", "Boston", "Dublin", "Madrid"),
    *("Oslo", "Sydney", "Toronto", "Denver", "Geneva"),
)
COLOURS_EN = ("red", "blue", "green", "yellow", "purple", "white", "black", "gray", "orange", "brown")
RARE_HANZI = "龘麤骉犇猋彧翀玥璟濠鑫淼焱垚喆懿翊煊珩瑀"
TITLES_ZH = ("产品手册", "年度报告", "资料", "说明", "目录", "介绍", "记录", "概况", "笔记", "名单")
TITLES_EN = (
    "handbook",
    "report",
    "notes",
    "catalog",
    "overview",
    "list",
    "records",
    "guide",
    "facts",
    "summary",
)
SUFFIXES = (".txt", ".md", ".pdf", ".docx", ".html", "")
FILLER_ZH = (
    *("以下是基本情况。", "本文供内部使用。", "如有变动，另行通知。", "更多内容请看下一节。"),
    *("数据截至上月底。", "这些资料由各部门提供。", "请妥善保存本文件。"),
)
FILLER_EN = (
    *("This page lists the basic facts.", "The figures were checked last month.", "For internal use only."),
    *("More details follow in the next section.", "Please keep this file in a safe place."),
    *("Changes will be announced.",),
)
REFUSAL = {"zh": "资料中没有提到。", "en": "The passages do not say."}


def _number(low: int, high: int) -> Callable[[random.Random], str]:
    return lambda rng: str(rng.randint(low, high))


def _code(rng: random.Random) -> str:
    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(2))
    return f"{letters}-{rng.randint(100, 9999)}"


def _phone(rng: random.Random) -> str:
    return f"{rng.randint(100, 999)}-{rng.randint(1000, 9999)}"


def _person_zh(rng: random.Random) -> str:
    return rng.choice(SURNAMES) + "".join(rng.choice(GIVEN) for _ in range(rng.randint(1, 2)))


def _address_zh(rng: random.Random) -> str:
    city, road = rng.choice(CITIES_ZH), "".join(rng.choice(NAME_HANZI) for _ in range(2))
    return f"{city}市{road}路 {rng.randint(1, 999)} 号"


def _address_en(rng: random.Random) -> str:
    return f"{rng.randint(1, 999)} {rng.choice(STREETS)} Street, {rng.choice(CITIES_EN)}"


def _word(rng: random.Random, low: int, high: int) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(low, high))).capitalize()


@dataclass(frozen=True)
class Attribute:
    """Something that is said of a thing; `value` makes one, `unit` follows it."""

    name: str
    value: Callable[[random.Random], str]
    unit: str = ""
    asks: str = "是什么"


ATTRIBUTES: dict[str, tuple[Attribute, ...]] = {
    "zh": (
        Attribute("价格", _number(10, 99_999), " 元", "是多少"),
        Attribute("重量", _number(2, 9999), " 千克", "是多少"),
        Attribute("电话", _phone, "", "是多少"),
        Attribute("编号", _code),
        Attribute("负责人", _person_zh, "", "是谁"),
        Attribute("地址", _address_zh, "", "在哪里"),
        Attribute("成立年份", _number(1900, 2025), " 年"),
        Attribute("员工人数", _number(3, 90_000), " 人", "是多少"),
        Attribute("保修期", _number(1, 120), " 个月", "是多久"),
        Attribute("颜色", lambda rng: rng.choice(COLOURS_ZH)),
    ),
    "en": (
        Attribute("price", _number(10, 99_999), " yuan"),
        Attribute("weight", _number(2, 9999), " kilograms"),
        Attribute("phone number", _phone),
        Attribute("code", _code),
        Attribute("manager", lambda rng: f"{rng.choice(FIRST_NAMES)} {_word(rng, 1, 2)}"),
        Attribute("address", _address_en),
        Attribute("founding year", _number(1900, 2025)),
        Attribute("number of employees", _number(3, 90_000)),
        Attribute("warranty period", _number(1, 120), " months"),
        Attribute("color", lambda rng: rng.choice(COLOURS_EN)),
    ),
}  # fmt: skip
# Too few values to hold some out: the name alone is new.
_FEW = {"颜色", "color", "保修期", "warranty period", "成立年份", "founding year"}


@dataclass(frozen=True)
class Fact:
    """One thing said of one name."""

    language: str
    name: str
    attribute: Attribute
    value: str

    def sentence(self, style: int = 0) -> str:
        """The fact in a file; style 0 is also how it is answered."""
        said = f"{self.value}{self.attribute.unit}"
        if self.language == "en":
            attribute, name = self.attribute.name, self.name
            return f"The {attribute} of {name} is {said}." if style == 0 else f"For {name}, the {attribute} is {said}."
        gap = " " if said[0].isascii() else ""
        attribute, name = self.attribute.name, self.name
        return f"{name}的{attribute}是{gap}{said}。" if style == 0 else f"关于{name}，{attribute}为{gap}{said}。"

    def question(self, style: int = 0) -> str:
        """A question that the fact answers."""
        name, attribute = self.name, self.attribute.name
        if self.language == "en":
            forms = (
                f"What is the {attribute} of {name}?",
                f"What is {name}'s {attribute}?",
                f"Tell me the {attribute} of {name}.",
            )
        else:
            asks = self.attribute.asks
            forms = (
                f"{name}的{attribute}{asks}？",
                f"请问{name}的{attribute}是什么？",
                f"{name}的{attribute}？",
            )
        return forms[style % 3]

    def answer(self, number: int) -> str:
        """The right answer from passage `number`."""
        return f"{self.sentence()}{' ' if self.language == 'en' else ''}[{number}]"


@dataclass(frozen=True)
class Example:
    """A question with the passages it is asked over; `fact` None means that they do not say."""

    language: str
    question: str
    documents: tuple[Any, ...]
    answer: str
    fact: Fact | None
    facts: tuple[Fact, ...] = ()  # all that is said in the passages

    def prompt(self) -> str:
        """The user's turn exactly as the chain writes it."""
        built = build_prompt(self.question, self.documents, count_tokens=lambda messages: 0, limit_tokens=1)
        return str(built.messages[0].content)


def is_held_out(text: str) -> bool:
    """Whether a name or value is kept for testing."""
    return zlib.crc32(text.encode()) % 10 == HELD_OUT_TENTH


def make_name(rng: random.Random, language: str, *, held_out: bool) -> str:
    """A name of the wanted side of the split."""
    while True:
        name = _name_zh(rng) if language == "zh" else _name_en(rng)
        if is_held_out(name) == held_out:
            return name


def make_fact(rng: random.Random, name: str, attribute: Attribute, language: str, *, held_out: bool) -> Fact:
    """Something said of `name`, with a value of the wanted side of the split."""
    while True:
        value = attribute.value(rng)
        if attribute.name in _FEW or is_held_out(value) == held_out:
            return Fact(language, name, attribute, value)


def make_example(
    rng: random.Random,
    *,
    held_out: bool,
    passages: tuple[int, int] = (1, 5),
    facts: tuple[int, int] = (1, 5),
    refusals: float = 0.06,
    language: str | None = None,
) -> Example:
    """A question over `passages` passages of `facts` sentences each, among which names repeat."""
    language = language or rng.choice(("zh", "en"))
    count = rng.randint(*passages)
    names = [make_name(rng, language, held_out=held_out) for _ in range(rng.randint(1, max(2, 2 * count)))]
    said: dict[tuple[str, str], Fact] = {}
    pages: list[list[Fact]] = []
    for _ in range(count):
        page: list[Fact] = []
        about = rng.sample(names, min(len(names), rng.randint(1, 3)))
        for _ in range(rng.randint(*facts)):
            name, attribute = rng.choice(about), rng.choice(ATTRIBUTES[language])
            if (
                name,
                attribute.name,
            ) not in said:  # each thing is said once, so that one passage is the right one
                fact = make_fact(rng, name, attribute, language, held_out=held_out)
                said[name, attribute.name] = fact
                page.append(fact)
        pages.append(page)
    documents = tuple(_passage(rng, page, language, pages) for page in pages)
    known = [(fact, number) for number, page in enumerate(pages, 1) for fact in page]
    if rng.random() < refusals or not known:
        name, attribute = rng.choice(names), rng.choice(ATTRIBUTES[language])
        while (name, attribute.name) in said:
            name, attribute = make_name(rng, language, held_out=held_out), rng.choice(ATTRIBUTES[language])
        asked = Fact(language, name, attribute, "")
        return Example(
            language,
            asked.question(rng.randrange(3)),
            documents,
            REFUSAL[language],
            None,
            tuple(said.values()),
        )
    fact, number = rng.choice(known)
    return Example(
        language, fact.question(rng.randrange(3)), documents, fact.answer(number), fact, tuple(said.values())
    )


def page_text(rng: random.Random, facts: Sequence[Fact], language: str) -> str:
    """Sentences as a file has them: in a row or one a line, now and then with others between them."""
    sentences = [fact.sentence(0 if rng.random() < 0.8 else 1) for fact in facts]
    fillers = FILLER_ZH if language == "zh" else FILLER_EN
    for _ in range(rng.choice((0, 0, 0, 1, 2)) or (0 if sentences else 1)):
        sentences.insert(rng.randint(0, len(sentences)), rng.choice(fillers))
    plain = "" if language == "zh" else " "
    return rng.choice((plain, plain, "\n", "\n\n")).join(sentences)


def _passage(rng: random.Random, page: Sequence[Fact], language: str, pages: Sequence[Sequence[Fact]]) -> Any:
    title = rng.choice(TITLES_ZH if rng.random() < (0.8 if language == "zh" else 0.1) else TITLES_EN)
    title += rng.choice(("", "", str(rng.randint(1, 20)), f"-{rng.randint(2000, 2030)}")) + rng.choice(SUFFIXES)
    kind = rng.choice(("text", "text", "page", "page", "slide", "sheet"))
    number = rng.randint(1, 30)
    metadata: dict[str, Any] = {
        TITLE: title,
        PAGE: number,
        PAGE_KIND: kind,
        PAGE_LABEL: "" if kind == "text" else str(number),
    }
    if rng.random() < 0.25:
        metadata[HEADINGS] = rng.choice(page).name if page and rng.random() < 0.5 else rng.choice(TITLES_ZH)
    # What `build_prompt` reads of a LangChain Document; making real ones would double the time for a million.
    return SimpleNamespace(page_content=page_text(rng, page, language), metadata=metadata)


def _name_zh(rng: random.Random) -> str:
    letters = [rng.choice(NAME_HANZI) for _ in range(rng.randint(2, 3))]
    if rng.random() < 0.05:  # characters outside the vocabulary are spelled in bytes
        letters[rng.randrange(len(letters))] = rng.choice(RARE_HANZI)
    return "".join(letters) + rng.choice(KINDS_ZH)


def _name_en(rng: random.Random) -> str:
    kind = rng.choice(KINDS_EN)
    name = _word(rng, 2, 3)
    return f"{kind} {name}" if kind == "Project" else f"{name} {kind}".strip()
