"""Greetings, thanks, "what can you do", "which documents are there": fixed answers in the user's language.

Only where the whole of what was typed is one of these; a question after a greeting is a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from minicpm_rag.library import Library
from minicpm_rag.messages import Language, Message, text
from minicpm_rag.records import Answer, AnswerEvent, Retrieval, Rewritten, Text
from minicpm_rag.text.simplified import to_simplified

Kind = Literal["greeting", "thanks", "goodbye", "ability", "documents"]

_MOST_LISTED = 30  # documents
_EDGE = r"[\s,，.。!！?？~～:：;；…]*"
_PATTERNS: dict[Kind, str] = {
    "greeting": r"(?:你们?好[啊呀]?|您好|大家好|嗨|哈[喽罗]|早上好|上午好|中午好|下午好|晚上好|早安|晚安"
    r"|在[吗么]|hi|hello|hey"
    r"|good (?:morning|afternoon|evening)|greetings)(?:[\s,，]*(?:there|all|everyone|小助手|助手))?",
    "thanks": r"(?:非常|太|多)?(?:感谢|谢谢|多谢|谢了|辛苦了)(?:你|您|啦|了|你们|您了|你了)?(?:[\s,，]*(?:你"
    r"|您)?(?:的)?帮助)?"
    r"|(?:many )?thanks(?: a lot| so much| very much)?|thank you(?: very much| so much)?|thx|cheers",
    "goodbye": r"再见|拜拜|回头见|bye(?:[ -]?bye)?|goodbye|see you(?: later)?",
    "ability": r"你(?:都)?(?:能|可以|会)(?:做|干|帮我做)?(?:些)?(?:什么|啥|哪些事(?:情)?)|你有什么(?:功能|用)"
    r"|你是(?:谁|什么)|你叫什么(?:名字)?"
    r"|(?:这个)?(?:怎么|如何)(?:使)?用|使用(?:说明|帮助)|帮助|what can you do(?: for me)?|who are you"
    r"|what are you|help"
    r"|how (?:do|can) i use (?:you|this)|how does this work|what is this",
    "documents": r"(?:你|这里|这儿|现在|目前)?(?:的)?(?:知识库|资料库|库|这里|这儿)?(?:里面|里|中)?(?:一共|现在"
    r"|目前|都)?有(?:哪些|什么|多少(?:个|份|篇)?)"
    r"(?:文档|文件|资料)|(?:列出|显示|给出)(?:所有|全部)?(?:的)?(?:文档|文件|资料)(?:列表|清单)?|(?:文档|文件"
    r"|资料)(?:列表|清单)"
    r"|(?:which|what|how many) (?:documents|files|docs)(?: (?:are (?:there|here|available|in (?:the "
    r"|this )?(?:library|knowledge base))"
    r"|do you (?:have|know)|have you got))?|(?:please )?(?:list|show)(?: me)?(?: all)?(?: the"
    r"| my)? (?:documents|files|docs)",
}
LONGEST = 200  # characters; the patterns are quadratic, and nobody greets at such length
_COMPILED = {kind: re.compile(f"{_EDGE}(?:请问)?(?:{pattern}){_EDGE}", re.I) for kind, pattern in _PATTERNS.items()}
_REPLIES: dict[Kind, str] = {
    "greeting": "answering.greeting",
    "thanks": "answering.thanks",
    "goodbye": "answering.goodbye",
    "ability": "answering.ability",
}


def small_talk(typed: str) -> Kind | None:
    """What was typed, where it is no question to the documents."""
    if len(typed) > LONGEST:
        return None
    plain = to_simplified(typed)
    return next((kind for kind, pattern in _COMPILED.items() if pattern.fullmatch(plain)), None)


def reply(
    kind: Kind, typed: str, library: Library | None, knowledge_base: str, language: Language
) -> Iterator[AnswerEvent]:
    """The fixed answer, as the chain's events."""
    said = (
        _documents(library, knowledge_base, language)
        if kind == "documents"
        else text(language, Message(_REPLIES[kind]))
    )
    yield from fixed(typed, said)


def fixed(typed: str, said: str) -> Iterator[AnswerEvent]:
    """The events of an answer that no passage is needed for."""
    yield Rewritten(typed, typed, changed=False)
    yield Retrieval([], 1.0, 0.0)
    yield Text(said)
    yield Answer(text=said, mode="fixed", standalone_question=typed)


def _documents(library: Library | None, knowledge_base: str, language: Language) -> str:
    rows = () if library is None else library.ready_documents(knowledge_base)
    if not rows:
        return text(language, Message("answering.no_documents"))
    lines = [text(language, Message("answering.documents", count=len(rows)))]
    lines += [f"- {row.title}" for row in rows[:_MOST_LISTED]]
    if len(rows) > _MOST_LISTED:
        lines.append(text(language, Message("answering.more_documents", count=len(rows) - _MOST_LISTED)))
    return "\n".join(lines)
