"""Write the prompt that answers a question from passages, inside an exact token budget.

Everything stands in one user message, because MiniCPM-2B has no system role. Knows no model: it is handed a
function that counts the tokens of rendered messages. A passage's number is its place in `Prompt.documents`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.answering.style import AS_ASKED, LENGTHS, Length, Style
from minicpm_rag.errors import PromptTooLongError
from minicpm_rag.messages import LANGUAGES, Language
from minicpm_rag.records import END, HEADINGS, START, TABLE_HEADER, TITLE, Turn
from minicpm_rag.text.places import place_of
from minicpm_rag.text.sentences import sentence_spans

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.messages import BaseMessage

CountTokens = Callable[["Sequence[BaseMessage]"], int]

# Short on purpose: a 2B model follows three plain rules better than ten.
_INSTRUCTION = {
    "zh": "请只根据下面的资料，用{length}中文回答问题。每句话末尾用方括号注明所依据资料的编号，例如[1]。"
    "资料里没有答案时，只回答“资料中没有提到”。",
    "en": "Answer the question {length} and in {language}, using only the passages below. "
    "End each sentence with the number of the passage it comes from, such as [1]. "
    'If the passages do not contain the answer, reply only "The passages do not say."',
}
# For a model that is small: a rule more, or a line that is no sentence, and it copies that instead of answering.
_PLAIN_INSTRUCTION = {
    "zh": "请只根据下面的资料，用{length}中文回答问题。",
    "en": "Answer the question {length} in {language}, using only the text below.",
}
_LENGTH: dict[Length, dict[Language, str]] = {
    "short": {"zh": "一两句", "en": "in one or two sentences"},
    "normal": {"zh": "简洁的", "en": "briefly"},
    "detailed": {"zh": "详细的", "en": "in detail"},
}
_PASSAGES = {"zh": "资料：", "en": "Passages:"}
_HISTORY = {"zh": "此前的对话：\n{history}\n\n", "en": "Earlier in this conversation:\n{history}\n\n"}
_TURN = {"zh": "问：{question}\n答：{answer}", "en": "Q: {question}\nA: {answer}"}
_QUESTION = {"zh": "问题：{question}\n回答：", "en": "Question: {question}\nAnswer:"}
_HISTORY_TURNS = 2
_HISTORY_ANSWER_CHARACTERS = 160
_HISTORY_SHARE = 8  # history may take one eighth of the budget; what is asked now needs the passages more

# Text that chat templates give a meaning; a document that contains it must not end the user's turn.
_TEMPLATE_MARK = re.compile(r"<(?=(?:用户|AI)>|/?s>|\|[\w ]+\|>|/?(?:think|tool_call|tool_response)>)")
_MARK = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Shape:
    """How much a prompt asks of its model: `passages` at most, and `plain` without their names and without marks."""

    passages: int | None = None
    plain: bool = False


# By the parameters under which a model gets the shape.
_SHAPES = ((300_000_000, Shape(passages=1, plain=True)), (1_000_000_000, Shape(passages=2, plain=True)))


def shape_for(parameters: int | None) -> Shape:
    """The shape for a model of that many parameters; one that does not say is taken for a large one."""
    return next((shape for most, shape in _SHAPES if parameters is not None and parameters < most), Shape())


@dataclass(frozen=True)
class Prompt:
    """Messages that fit the budget, the passages that are in them, and their exact size."""

    messages: list[BaseMessage]
    documents: list[Document]
    tokens: int


def build_prompt(
    question: str,
    documents: Sequence[Document],
    history: Sequence[Turn] = (),
    *,
    count_tokens: CountTokens,
    limit_tokens: int,
    shape: Shape = Shape(),
    style: Style = AS_ASKED,
) -> Prompt:
    """Fit as many whole passages as `limit_tokens` and the shape allow, best first.

    Where not even the best one fits, history is left out, and then that passage is cut at a sentence end.
    Raises PromptTooLongError where the question leaves no room for a single passage.
    """
    documents = documents[: shape.passages]

    def write(passages: Sequence[Document], turns: Sequence[Turn]) -> tuple[list[BaseMessage], int]:
        messages = _messages(style, question, passages, turns, shape)
        return messages, count_tokens(messages)

    _, bare_tokens = write([], [])
    if bare_tokens > limit_tokens:
        raise PromptTooLongError(bare_tokens, limit_tokens)
    turns = list(history[-_HISTORY_TURNS:])
    while turns and write([], turns)[1] - bare_tokens > (limit_tokens - bare_tokens) // _HISTORY_SHARE:
        turns = turns[1:]
    fitting = _most(len(documents), lambda count: write(documents[:count], turns)[1] <= limit_tokens)
    if not fitting and turns:
        turns = []
        fitting = _most(len(documents), lambda count: write(documents[:count], [])[1] <= limit_tokens)
    chosen = list(documents[:fitting])
    if not fitting and documents:
        chosen = [_cut_to_fit(documents[0], lambda passage: write([passage], [])[1], limit_tokens)]
    messages, tokens = write(chosen, turns)
    return Prompt(messages, chosen, tokens)


def echoes() -> list[str]:
    """How a copy of a prompt begins, of any of its parts."""
    styles = [AS_ASKED, *(Style(language, length) for language in LANGUAGES for length in LENGTHS)]
    instructions = [_instruction(style, "", is_plain) for style in styles for is_plain in (False, True)]
    others = (_PASSAGES, _HISTORY, _QUESTION)
    parts = [text.splitlines()[0].partition("{")[0] for part in others for text in part.values()]
    return [*dict.fromkeys(instructions), *parts]


def headers(documents: Sequence[Document], language: Language) -> list[str]:
    """The lines that name the passages in a prompt."""
    return [_header(number, document, language) for number, document in enumerate(documents, 1)]


def _instruction(style: Style, question: str, is_plain: bool) -> str:
    language = style.language_for(question)
    named = "its own language" if style.language is None else "English"
    return (_PLAIN_INSTRUCTION if is_plain else _INSTRUCTION)[language].format(
        length=_LENGTH[style.length][language], language=named
    )


def _messages(
    style: Style, question: str, documents: Sequence[Document], turns: Sequence[Turn], shape: Shape
) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage

    language = style.language_for(question)
    names = [""] * len(documents) if shape.plain else headers(documents, language)
    passages = "\n\n".join(_passage(name, document) for name, document in zip(names, documents, strict=True))
    earlier = "\n".join(
        _TURN[language].format(question=plain(turn.question), answer=_shortened(turn.answer)) for turn in turns
    )
    text = (
        f"{_instruction(style, question, shape.plain)}\n\n{_PASSAGES[language]}\n{passages}\n\n"
        + (_HISTORY[language].format(history=earlier) if earlier else "")
        + _QUESTION[language].format(question=plain(question))
    )
    return [HumanMessage(text)]


def _passage(name: str, document: Document) -> str:
    lines = [name] if name else []
    header = str(document.metadata.get(TABLE_HEADER) or "")
    if header and not document.page_content.startswith(header):
        lines.append(header)
    lines.append(document.page_content.strip())
    return plain("\n".join(lines))


def _header(number: int, document: Document, language: Language) -> str:
    metadata = document.metadata
    origin = " ".join(part for part in (str(metadata.get(TITLE, "")), place_of(document, language)) if part)
    if metadata.get(HEADINGS):
        origin += f" ({metadata[HEADINGS]})"
    return f"[{number}] {origin}".rstrip()


def plain(text: str) -> str:
    """Text without meaning to a chat template: `<AI>` in a document becomes `＜AI>`."""
    return _TEMPLATE_MARK.sub("＜", text)


def _shortened(answer: str) -> str:
    """An earlier answer in a line or two, without its marks: they number other passages."""
    text = " ".join(_MARK.sub("", answer).split())
    if len(text) <= _HISTORY_ANSWER_CHARACTERS:
        return plain(text)
    ends = [end for _, end in sentence_spans(text) if end <= _HISTORY_ANSWER_CHARACTERS]
    return plain(text[: ends[-1]] if ends else text[:_HISTORY_ANSWER_CHARACTERS] + "…")


def _most(count: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `count` that fits, by halving: six counts for fifty passages, not fifty."""
    low, high = 0, count
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _cut_to_fit(document: Document, tokens_with: Callable[[Document], int], limit_tokens: int) -> Document:
    """The passage up to the last sentence end that fits, or to the last character where no sentence fits."""
    text = document.page_content
    ends = [end for _, end in sentence_spans(text)]
    sentences = _most(len(ends), lambda count: tokens_with(_cut(document, ends[count - 1])) <= limit_tokens)
    if sentences:
        return _cut(document, ends[sentences - 1])
    characters = _most(len(text), lambda count: tokens_with(_cut(document, count)) <= limit_tokens)
    if not text[:characters].strip():
        raise PromptTooLongError(tokens_with(_cut(document, 1)), limit_tokens)
    return _cut(document, characters)


def _cut(document: Document, length: int) -> Document:
    """The first characters of a passage, its END moved so that it still names the page's own text."""
    metadata = dict(document.metadata)
    if START in metadata:
        metadata[END] = metadata[START] + length
    return document.model_copy(update={"page_content": document.page_content[:length], "metadata": metadata})
