"""Questions as people type them: with one typing error, or with polite words around them. Seeded, so repeatable."""

from __future__ import annotations

import random
import re
from typing import Literal

from minicpm_rag.text.scripts import HAN, has_han

Way = Literal["typos", "polite"]

_LETTERS = re.compile(r"[A-Za-z]{4,}")
_CHARACTERS = re.compile(f"[{HAN}]{{2,}}")
# Characters that sound alike and are taken for each other.
_SOUND_ALIKE = """
    的得地 在再 做作 那哪 已以意 坐座 他她它 像象向 为位未 是时事 有又由 多都 公工功 名明 城成程 第地弟 间见建 国果过
    人任认 长常场 几机级 与于余 元员原 年念 化话画 生声升 和合河 部不步 山三 文问闻 市式史 战站 力利历 中种终 新心信
"""
_ALIKE = _SOUND_ALIKE.split()
_CHINESE = (
    "麻烦帮我查一下，{q}急用",
    "你好，想请教一下：{q}谢谢！",
    "不好意思打扰了，{q}在线等",
    "请问一下，{q}",
    "能不能告诉我{q}多谢",
)
_ENGLISH = (
    "Could you please tell me: {q}",
    "Hi there! {q} Thanks in advance!",
    "I was wondering, {q} Any help would be appreciated.",
    "Sorry to bother you, but {q}",
    "Hello, I urgently need to know: {q}",
)


def as_typed(question: str, way: Way, seed: int) -> str:
    """The question with one typing error, or with polite words; as it stands where it is too short for an error."""
    chance = random.Random(seed)
    if way == "polite":
        return chance.choice(_CHINESE if has_han(question) else _ENGLISH).format(q=question)
    runs = list((_CHARACTERS if has_han(question) else _LETTERS).finditer(question))
    if not runs:
        return question
    run = chance.choice(runs)
    at = chance.randrange(run.start(), run.end() - 1)
    left, this, following, right = question[:at], question[at], question[at + 1], question[at + 2 :]
    alike = [other for group in _ALIKE if this in group for other in group if other != this]
    errors = [left + following + right]
    if this != following:
        errors.append(left + following + this + right)
    errors += [left + other + following + right for other in alike]
    return chance.choice(errors)
