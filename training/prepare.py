"""Turn the public halves, other public sets and made documents into rows of token numbers for train.py.

    python training/prepare.py --embedder FOLDER --evaluation ../shared/eval --made MADE.jsonl --made-test OTHER.jsonl \
        [--tatqa FOLDER --policyqa FOLDER --tables FOLDER --jaquad FOLDER --fairytales FOLDER] --out OUT

`--embedder` is multilingual-e5-small as a sentence-transformers folder. A row is one reading: question, claim, context
(title, headings, table header), a window of a passage, and what is right: the span, "answers it", "says it" (-1: not
known). Rows are for training or for evaluation; `fold` 0 marks the fifth of the articles that a model trained with
`--hold-out articles` never sees. Everything random comes from one seed.
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
import random
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from noise import as_asked, mistyped, names, other_digits, polite, spoiled
from public_sets import fairytales, jaquad, policyqa, tatqa, wiki_tables
from sklearn.feature_extraction.text import TfidfVectorizer
from tokenizers import Tokenizer
from written import Written

SETS = [
    "cmrc_zh",
    "drcd_zh",
    "xquad_zh",
    "xquad_en",
    "squad2_en",
    "pubmedqa_en",
    "cross",
    "tatqa",
    "policyqa",
    "tables",
    "jaquad_ja",
    "fairytales",
    "made",
    "made_test",
    "across",
    "written",
]
KINDS = [
    "gold",
    "hard",
    "adversarial",
    "removed",
    "spoiled",
    "elsewhere",
    "typo",
    "polite",
    "digits",
    "own",  # of questions
    "right",
    "same",
    "random",
    "other",
    "absent",
    "changed",
    "sentence",
    "denied",
    "made wrong",
]  # of claims
SENTENCE = re.compile(r"[^。！？!?\n]*?(?:[。！？!?\n]|\.(?=\s)|$)")
COLUMNS = [
    "set",
    "fold",
    "evaluation",
    "kind",
    "group",
    "question",
    "claim",
    "context",
    "passage",
    "first",
    "last",
    "start",
    "end",
    "answers",
    "says",
]
LONGEST = 340  # tokens of a passage window
HERE = Path(__file__).parent


class Rows:
    """Texts as token numbers, each kept once, and the rows that refer to them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.texts: list[str] = [""]
        self.index: dict[str, int] = {"": 0}
        self.rows: list[tuple[int, ...]] = []
        self.groups = 0
        self._starts: dict[int, list[int]] = {}
        self._tokens: dict[int, tuple[list[int], list[tuple[int, int]]]] = {}

    def text(self, text: str) -> int:
        """The number of a text."""
        if text not in self.index:
            self.index[text] = len(self.texts)
            self.texts.append(text)
        return self.index[text]

    def tokens(self, number: int) -> tuple[list[int], list[tuple[int, int]]]:
        """Token numbers and character offsets of a text."""
        if number not in self._tokens:
            coded = self.tokenizer.encode(self.texts[number], add_special_tokens=False)
            self._tokens[number] = (coded.ids, coded.offsets)
        return self._tokens[number]

    def span(self, passage: int, start: int, stop: int) -> tuple[int, int]:
        """The tokens that hold the characters start..stop."""
        offsets = self.tokens(passage)[1]
        first = next((n for n, (_, b) in enumerate(offsets) if b > start), -1)
        last = next((n for n in range(len(offsets) - 1, -1, -1) if offsets[n][0] < stop), -1)
        return first, last

    def window(
        self, passage: int, span: tuple[int, int] | None, rng: random.Random, whole: float = 0.4
    ) -> tuple[int, int] | None:
        """First and last token of a part of the passage, about as long as what an answer is written from."""
        ids, offsets = self.tokens(passage)
        count = len(ids)
        if count <= LONGEST and rng.random() < whole:
            return 0, count - 1
        length = min(count, rng.randint(90, LONGEST))
        text = self.texts[passage]
        if passage not in self._starts:
            self._starts[passage] = [0] + [
                n
                for n in range(1, count)
                if text[max(0, offsets[n][0] - 2) : offsets[n][0]].rstrip(" ")[-1:] in tuple("。！？!?.\n；;|")
            ]
        starts = self._starts[passage]
        if span is None:
            first = rng.choice([s for s in starts if s <= count - length] or [0])
        else:
            first = rng.choice(
                [s for s in starts if s <= span[0] and span[1] < s + length] or [max(0, span[0] - length // 2)]
            )
        last = min(count, first + length) - 1
        return (first, last) if span is None or span[1] <= last else None

    def add(
        self,
        set_name: str,
        fold: int,
        kind: str,
        question: str,
        context: str,
        passage: int,
        window: tuple[int, int] | None,
        *,
        claim: str = "",
        span: tuple[int, int] | None = None,
        answers: int = -1,
        says: int = -1,
        evaluation: bool = False,
        group: int = 0,
    ) -> None:
        """One row; without a window nothing is added."""
        if window is None:
            return
        start, end = (
            (span[0] - window[0], span[1] - window[0])
            if span and window[0] <= span[0] and span[1] <= window[1]
            else (-1, -1)
        )
        self.rows.append(
            (
                SETS.index(set_name),
                fold,
                int(evaluation),
                KINDS.index(kind),
                group,
                self.text(question),
                self.text(claim),
                self.text(context),
                passage,
                window[0],
                window[1],
                start,
                end,
                answers,
                says,
            )
        )


def fold_of(title: str) -> int:
    """0 for a fifth of the articles."""
    return zlib.crc32(f"a{title}".encode()) % 5  # the letter was chosen so that every set has articles on both sides


def sentence_of(text: str, start: int, stop: int) -> str:
    """The sentence that holds start..stop, at most 220 characters."""
    for match in SENTENCE.finditer(text):
        if match.start() <= start and stop <= match.end() and len(match.group()) <= 220:
            return match.group().strip()
    return ""


def read(path: Path) -> list[dict]:
    """The lines of a JSONL file; none where it is absent."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line] if path.exists() else []


class QuestionSet:
    """Questions whose answers stand in a passage, and the rows made of them.

    A passage has id, title and text; a question has question, answers and passage_id.
    """

    def __init__(
        self,
        rows: Rows,
        name: str,
        passages: list[dict],
        questions: list[dict],
        unanswerable: list[dict],
        seed: int,
        own_words: dict[str, list[str]] | None = None,
        near: list[dict] | None = None,
        meaning: np.ndarray | None = None,
    ) -> None:
        self.rows, self.name, self.passages, self.rng = rows, name, passages, random.Random(seed)
        self.questions, self.unanswerable = questions, unanswerable
        self.own_words, self.near = own_words or {}, near or []  # by the question's id; questions on a beginning
        self.where = {p["id"]: n for n, p in enumerate(passages)}
        self.numbers = [rows.text(p["text"]) for p in passages]
        self.folds = [1 if name.endswith("ja") else fold_of(p["title"] or p["id"]) for p in passages]
        self.lang = {"zh": "zh", "ja": "ja"}.get(name[-2:], "en")
        grams = {"analyzer": "char", "ngram_range": (2, 2)} if self.lang != "en" else {}
        vectors = TfidfVectorizer(sublinear_tf=True, **grams)
        matrix = vectors.fit_transform([f"{p['title']} {p['text']}" for p in passages])
        self.words, self.asked = (
            matrix.T.tocsr(),
            vectors.transform([q["question"] for q in [*questions, *unanswerable]]),
        )
        self.meaning = meaning  # cosines, (questions, passages)
        self.names = [names(p["text"]) if self.lang != "ja" else [] for p in passages]
        self.all_names = [n for found in self.names for n in found]
        self.answered: dict[int, list[tuple[str, int, int]]] = {}  # answers of each passage, and where they stand

    def add(self) -> None:
        """Add the rows of all questions."""
        golds = []
        for number, question in enumerate(self.questions):
            place = self.where.get(question["passage_id"])
            if place is None:
                continue
            text = self.passages[place]["text"]
            answer = next((a for a in question["answers"] if a and a in text), "")
            at = text.find(answer) if answer else -1
            golds.append((number, question["question"], place, answer, at))
            if answer:
                self.answered.setdefault(place, []).append((answer, at, at + len(answer)))
        for number, asked, place, answer, at in golds:
            self.rows.groups += 1
            span = self.rows.span(self.numbers[place], at, at + len(answer)) if answer else None
            close = self.closest(number, place, answer, 9)
            self.question_rows(asked, place, answer, span, close)
            for other_words in self.own_words.get(self.questions[number].get("id", ""), []):
                window = self.fixed_window(place, span)
                self.put(
                    "own", other_words, place, window, fold=self.folds[place], span=span, answers=1, evaluation=True
                )
                self.question_rows(other_words, place, answer, span, close, judged=False)
                if answer:
                    self.claim_rows(other_words, place, answer, at, span, close, False)
            if self.lang == "ja":
                self.few_claim_rows(asked, place, answer, span, close)
            elif answer and self.name != "pubmedqa_en":
                for evaluation in (True, False):
                    self.claim_rows(asked, place, answer, at, span, close, evaluation)
        for number, question in enumerate(self.unanswerable, len(self.questions)):
            self.rows.groups += 1
            self.unanswerable_rows(number, question)
        for question in self.near:
            self.near_rows(question)

    def near_rows(self, question: dict) -> None:
        """A question written for the beginning of a passage, which answers it or only speaks of the same things.

        `wrong`, where given, lists words of the beginning that a careless reader would take for the answer.
        """
        place = self.where[question["passage_id"]]
        passage, answer, text = self.numbers[place], question["answer"], self.passages[place]["text"]
        last = self.rows.span(passage, 0, question["characters"])[1]
        at = text.find(answer) if answer else -1
        span = self.rows.span(passage, at, at + len(answer)) if answer else None
        self.rows.groups += 1
        kind, window = "gold" if span else "adversarial", (0, min(last, LONGEST - 1))
        asked, common = question["question"], {"fold": self.folds[place], "span": span}
        if not span:
            self.put(kind, asked, place, window, fold=self.folds[place], answers=0, evaluation=True)
        for put_as in (asked, as_asked(asked, self.rng), as_asked(asked, self.rng)):
            self.put(kind, put_as, place, window, answers=int(bool(span)), **common)
        if span:
            self.put("right", asked, place, window, claim=answer, says=1, **common)
        told = [a for a, _, stop in self.answered.get(place, []) if stop <= question["characters"] and a not in answer]
        wrong = question.get("wrong") or self.rng.sample(told, min(1, len(told)))
        for claim in wrong:
            self.put("same", asked, place, window, claim=claim, says=0, **common)

    def closest(self, number: int, own: int | None, answer: str, count: int) -> list[int]:
        """Other passages that share most words with the question and do not answer it."""
        by_words = np.argsort(-(self.asked[number] @ self.words).toarray().ravel())[: count * 4 + 8]
        order = by_words
        if self.meaning is not None:  # what shares words and what is near in meaning, in turn
            by_meaning = np.argsort(-self.meaning[number])[: len(by_words)]
            order = np.stack([by_words, by_meaning], 1).ravel()
        keep: list[int] = []
        for other in map(int, order):
            same_article = own is not None and self.passages[other]["title"] == self.passages[own]["title"]
            if other != own and not (same_article and len(answer) > 1 and answer in self.passages[other]["text"]):
                keep += [other] if other not in keep else []
        return keep[:count]

    def typed(self, text: str) -> str:
        """The question as somebody may type it."""
        if self.lang == "ja":
            return mistyped(text, self.rng) if self.rng.random() < 0.15 else text
        return as_asked(text, self.rng)

    def put(self, kind: str, asked: str, place: int, window: tuple[int, int] | None, *, fold: int, **more: Any) -> None:
        """A row of the passage at `place`."""
        number, title = self.numbers[place], self.passages[place]["title"]
        self.rows.add(self.name, fold, kind, asked, title, number, window, group=self.rows.groups, **more)

    def beginning(self, place: int) -> tuple[int, int]:
        """The first window of a passage."""
        return 0, min(len(self.rows.tokens(self.numbers[place])[0]), LONGEST) - 1

    def fixed_window(self, place: int, span: tuple[int, int] | None) -> tuple[int, int] | None:
        """The window that evaluation uses: the first, unless the answer stands behind it."""
        first = self.beginning(place)
        return first if span is None or span[1] <= first[1] else self.rows.window(self.numbers[place], span, self.rng)

    def question_rows(
        self,
        asked: str,
        place: int,
        answer: str,
        span: tuple[int, int] | None,
        close: list[int],
        *,
        judged: bool = True,
    ) -> None:
        """A question on its own passage, on others, spoiled, and on a part of its passage without the answer."""
        rng, fold, passage = self.rng, self.folds[place], self.numbers[place]
        fixed = self.fixed_window(place, span)
        if judged:
            self.put("gold", asked, place, fixed, fold=fold, span=span, answers=1, evaluation=True)
            for other in close:
                self.put("hard", asked, other, self.beginning(other), fold=fold, answers=0, evaluation=True)
            for kind, change in (("typo", mistyped), ("polite", polite), ("digits", other_digits)):
                self.put(kind, change(asked, rng), place, fixed, fold=fold, span=span, answers=1, evaluation=True)
        few = self.lang == "ja"
        for _ in range(1 if few else 2):
            window = self.rows.window(passage, span, rng)
            self.put("gold", self.typed(asked), place, window, fold=fold, span=span, answers=1)
        count = 1 if few else 4 if self.name == "pubmedqa_en" else 2
        others = [*close[:1], *rng.sample(close, min(count, len(close)))]
        if rng.random() < 0.3:
            others.append(rng.choice([n for n in range(len(self.passages)) if n != place]))
        for other in dict.fromkeys(others):
            if self.folds[other] or not fold:  # no passage of a held-out article is trained on
                window = self.rows.window(self.numbers[other], None, rng)
                self.put("hard", self.typed(asked), other, window, fold=fold, answers=0)
        if self.name == "pubmedqa_en":
            return
        text = self.passages[place]["text"]
        for _ in range(0 if few else 2):
            changed = spoiled(asked, text, self.names[place], self.all_names, rng)
            if changed and changed[0] != asked:
                window = self.rows.window(passage, span, rng) if span else fixed
                self.put("spoiled", self.typed(changed[0]), place, window, fold=fold, answers=0)
        window = self.rows.window(passage, None, rng, whole=0) if len(answer) > 1 else None
        if window:
            offsets = self.rows.tokens(passage)[1]
            if answer not in text[offsets[window[0]][0] : offsets[window[1]][1]]:
                self.put("elsewhere", self.typed(asked), place, window, fold=fold, answers=0)

    def few_claim_rows(
        self, asked: str, place: int, answer: str, span: tuple[int, int] | None, close: list[int]
    ) -> None:
        """The right answer, another one of the passage, and the right one said of another passage."""
        rng, fold, number = self.rng, self.folds[place], self.numbers[place]
        others = [told for told, _, _ in self.answered[place] if told not in answer and answer not in told]
        for kind, told, says in (("right", answer, 1), ("same", rng.choice(others) if others else "", 0)):
            if told:
                window = self.rows.window(number, span, rng)
                self.put(kind, asked, place, window, fold=fold, claim=told, span=span, says=says)
        if close and rng.random() < 0.5 and answer not in self.passages[close[0]]["text"]:
            window = self.rows.window(self.numbers[close[0]], None, rng)
            self.put("absent", asked, close[0], window, fold=fold, claim=answer, says=0)

    def claim_rows(
        self,
        asked: str,
        place: int,
        answer: str,
        at: int,
        span: tuple[int, int] | None,
        close: list[int],
        evaluation: bool,
    ) -> None:
        """Claims: a question with a right or wrong answer, or a statement by itself."""
        rng, fold, text = self.rng, self.folds[place], self.passages[place]["text"]

        def claim(kind: str, told: str, says: int, *, other: int = place, alone: bool = False) -> None:
            question = "" if alone else asked if evaluation else as_asked(asked, rng)
            if other != place:
                window, there = self.beginning(other), None
            else:
                there = span
                window = (
                    self.fixed_window(place, span) if evaluation else self.rows.window(self.numbers[place], span, rng)
                )
            self.put(kind, question, other, window, fold=fold, claim=told, span=there, says=says, evaluation=evaluation)

        stop = "。" if self.lang == "zh" else "."
        forms = [answer, answer, answer + stop, ("是" if self.lang == "zh" else "It is ") + answer + stop]
        for _ in range(1 if evaluation else 2):
            claim("right", answer if evaluation else rng.choice(forms), 1)
        end = at + len(answer)
        others = [told for told, first, last in self.answered[place] if last <= at or first >= end]
        for wrong in rng.sample(others, min(len(others), 1 if evaluation else 2)):
            claim("same", wrong, 0)
        start = rng.randrange(max(1, len(text) - len(answer)))
        if start + len(answer) <= at or start >= end:
            stray = text[start : start + len(answer)]
            if self.lang == "en":  # whole words
                stray = re.sub(r"^\S*\s|\s\S*$", "", text[start : start + len(answer) + 8])
            if stray.strip() and stray.strip() not in answer and answer not in stray:
                claim("random", stray.strip(), 0)
        sentence = sentence_of(text, at, end)
        other = None if not close else close[0] if evaluation else rng.choice(close[:4])
        if other is not None and (self.folds[other] or not fold):
            if answer not in self.passages[other]["text"]:
                claim("absent", answer, 0, other=other)
            if self.answered.get(other):
                claim("other", rng.choice(self.answered[other])[0], 0, other=other)
            if sentence and rng.random() < 0.5:
                claim("absent", sentence, 0, other=other, alone=True)
        digit = re.search(r"\d", answer)
        if digit:
            wrong = rng.choice([d for d in "123456789" if d != digit.group()])
            claim("changed", answer[: digit.start()] + wrong + answer[digit.end() :], 0)
        if not sentence or not (evaluation or rng.random() < 0.6):
            return
        claim("sentence", sentence, 1, alone=rng.random() < 0.5)
        changed = spoiled(sentence, text, self.names[place], self.all_names, rng)
        if changed and changed[0] not in text:
            claim("denied" if changed[1] == "denial" else "changed", changed[0], 0, alone=True)
        if others and rng.random() < 0.6:
            swapped = sentence.replace(answer, rng.choice(others))
            if swapped not in text:
                claim("changed", swapped, 0, alone=rng.random() < 0.5)

    def unanswerable_rows(self, number: int, question: dict) -> None:
        """A near miss on its passage (three times in training), or a question without article on the closest ones."""
        near = self.where.get(question.get("near_passage_id"))
        kind = "removed" if near is None else "adversarial"
        for other in self.closest(number, None, "", 3) if near is None else [near]:
            fold = fold_of(question["id"]) if near is None else self.folds[other]
            window = self.beginning(other)
            self.put(kind, question["question"], other, window, fold=fold, answers=0, evaluation=True)
            if self.folds[other] or not fold:
                for _ in range(1 if near is None else 3):
                    self.put(kind, as_asked(question["question"], self.rng), other, window, fold=fold, answers=0)
                if near is not None and self.answered.get(near):
                    told = self.rng.choice(self.answered[near])[0]
                    self.put("same", question["question"], other, window, fold=fold, claim=told, says=0)


def add_cross(rows: Rows, root: Path, rng: random.Random) -> None:
    """XQuAD's parallel questions: the question of one language on the passage of the other."""
    data = {
        s: (
            {p["id"]: p for p in read(root / s / "passages.jsonl")},
            {q["id"].replace(s, ""): q for q in read(root / s / "questions.jsonl")},
        )
        for s in ("xquad_zh", "xquad_en")
    }
    for asked_in, read_in in (("xquad_zh", "xquad_en"), ("xquad_en", "xquad_zh")):
        everything = list(data[read_in][0].values())
        for key, question in data[read_in][1].items():
            other = data[asked_in][1].get(key)
            passage = data[read_in][0][question["passage_id"]]
            answer = next((a for a in question["answers"] if a in passage["text"]), None)
            if other is None or answer is None:
                continue
            number, fold = rows.text(passage["text"]), fold_of(passage["title"])
            start = passage["text"].find(answer)
            span = rows.span(number, start, start + len(answer))
            near = [
                p for p in everything if p["title"] == passage["title"] and p is not passage and answer not in p["text"]
            ]
            rows.groups += 1
            for evaluation in (True, False):
                asked = other["question"] if evaluation else as_asked(other["question"], rng)
                common = {"evaluation": evaluation, "group": rows.groups}
                window = rows.window(number, span, rng, whole=1 if evaluation else 0.4)
                rows.add("cross", fold, "gold", asked, passage["title"], number, window, span=span, answers=1, **common)
                for wrong in rng.sample(near, min(2, len(near))):
                    elsewhere = rows.text(wrong["text"])
                    rows.add(
                        "cross",
                        fold,
                        "hard",
                        asked,
                        wrong["title"],
                        elsewhere,
                        rows.window(elsewhere, None, rng),
                        answers=0,
                        **common,
                    )
                told = rng.choice([answer, *other["answers"][:1]])
                rows.add(
                    "cross",
                    fold,
                    "right",
                    asked,
                    passage["title"],
                    number,
                    window,
                    claim=told,
                    span=span,
                    says=1,
                    **common,
                )
                siblings = [
                    q
                    for q in data[asked_in][1].values()
                    if q["passage_id"].replace(asked_in, "") == question["passage_id"].replace(read_in, "")
                    and q is not other
                    and not set(q["answers"]) & set(other["answers"])
                ]
                third = rng.choice(list(data[asked_in][1].values()))
                wrongs = [q for q in siblings if q is third]
                for wrong in [*wrongs, *rng.sample(siblings, min(1, len(siblings)))]:
                    rows.add(
                        "cross",
                        fold,
                        "same",
                        asked,
                        passage["title"],
                        number,
                        window,
                        claim=wrong["answers"][0],
                        span=span,
                        says=0,
                        **common,
                    )


def add_across(rows: Rows, root: Path, made: list[dict], rng: random.Random) -> None:
    """Questions on passages of the other language that do not answer them: the nearest in meaning, made ones on any."""
    passages: dict[str, list[dict]] = {"zh": [], "en": []}
    questions: dict[str, list[tuple[str, list[str], str]]] = {"zh": [], "en": []}
    for name in SETS[:5]:
        lang, told = name[-2:], read(root / name / "passages.jsonl")
        passages[lang] += [{**p, "text": p["text"][:1600]} for p in rng.sample(told, min(260, len(told)))]
        titles = {p["id"]: p["title"] for p in told}
        for question in read(root / name / "questions.jsonl"):
            title = titles[question["passage_id"]]
            questions[lang].append((question["question"], question["answers"], title))

    def put(asked: str, fold: int, passage: dict) -> None:
        if fold_of(passage["title"]) or not fold:  # no passage of a held-out article is trained on
            number = rows.text(passage["text"])
            window = rows.window(number, None, rng)
            rows.groups += 1
            common = {"answers": 0, "group": rows.groups}
            rows.add("across", fold, "hard", as_asked(asked, rng), passage["title"], number, window, **common)

    for lang, there in (("zh", passages["en"]), ("en", passages["zh"])):
        chosen = rng.sample(questions[lang], min(1400, len(questions[lang])))
        beginnings = [p["text"][: 300 if lang == "en" else 700] for p in there]
        near = np.argsort(-cosines([asked for asked, *_ in chosen], beginnings), axis=1)
        for (asked, answers, title), order in zip(chosen, near, strict=True):
            others = [there[n] for n in order[:12] if not any(a in there[n]["text"] for a in answers)]
            others = [p for p in others if p["title"] != title][:6]  # XQuAD has its articles in both languages
            for passage in [*others[:1], *rng.sample(others[1:], min(1, len(others[1:])))]:
                put(asked, fold_of(title), passage)
    for document in rng.sample(made, min(2500, len(made))):
        for question in rng.sample(document["questions"], min(1, len(document["questions"]))):
            for lang in ("zh", "en"):
                put(question["question"], 1, rng.choice(passages[lang]))


def add_fairytales(rows: Rows, stories: list[dict], rng: random.Random) -> None:
    """Questions on one section of a story: the other sections speak of the same people and mostly do not answer."""
    for story in stories:
        for question in story["questions"]:
            if question["answers"] and story["sections"][question["section"]]:
                story_rows(rows, story, question, rng)


def story_rows(rows: Rows, story: dict, question: dict, rng: random.Random) -> None:
    """A question on its section and on others; its answer, and those of other questions on the section, as claims."""
    sections, asked, answers, key = story["sections"], question["question"], question["answers"], question["section"]
    number, bare = rows.text(sections[key]), answers[0].rstrip(".")
    at = sections[key].lower().find(bare.lower())
    span = rows.span(number, at, at + len(bare)) if at >= 0 else None
    # Where the answer is told in other words, a window holds the sentence that shares most words with it
    window = rows.window(number, span or likeliest_sentence(rows, number, f"{asked} {bare}"), rng)
    rows.groups += 1

    def put(kind: str, told: str, passage: int, part: tuple[int, int] | None, **more: Any) -> None:
        rows.add("fairytales", 1, kind, told, story["title"], passage, part, group=rows.groups, **more)

    put("gold", as_asked(asked, rng), number, window, span=span, answers=1)
    put("right", asked, number, window, claim=rng.choice(answers), span=span, says=1)
    others = [other for other in sections if other != key and bare.lower() not in sections[other].lower()]
    for place, other in enumerate(rng.sample(others, min(2, len(others)))):
        passage = rows.text(sections[other])
        put("elsewhere", as_asked(asked, rng), passage, rows.window(passage, None, rng), answers=0)
        if not place:
            put("absent", asked, passage, rows.window(passage, None, rng), claim=answers[0], says=0)
    rivals = [q["answers"][0] for q in story["questions"] if q is not question and q["section"] == key and q["answers"]]
    rivals = [told for told in rivals if not _alike(told, answers)]
    for wrong in rng.sample(rivals, min(2, len(rivals))):
        put("same", asked, number, window, claim=wrong, span=span, says=0)


def likeliest_sentence(rows: Rows, number: int, near: str) -> tuple[int, int]:
    """The tokens of the sentence that shares most words with `near`."""
    text, words = rows.texts[number], set(re.findall(r"\w+", near.lower()))
    parts = [match.span() for match in SENTENCE.finditer(text) if match.group().strip()]
    best = max(parts, key=lambda part: len(words & set(re.findall(r"\w+", text[part[0] : part[1]].lower()))))
    return rows.span(number, *best)


def _alike(told: str, answers: list[str]) -> bool:
    """Whether the answers share a third of their words."""
    words = set(re.findall(r"\w+", told.lower()))
    return any(3 * len(words & set(re.findall(r"\w+", a.lower()))) >= max(1, len(words)) for a in answers)


def cosines(questions: list[str], passages: list[str]) -> np.ndarray:
    """How near questions and passages are in meaning, (questions, passages), by the application's own embedder."""
    from minicpm_rag.embedding import e5
    from minicpm_rag.embedding.choice import load_embedder
    from minicpm_rag.settings import load_settings

    embedder = load_embedder(e5.NAME, load_settings().home)
    asked = np.array([embedder.embed_query(text) for text in questions], dtype=np.float32)
    told = np.array(embedder.embed_documents(passages), dtype=np.float32)
    return asked @ told.T


def add_made(rows: Rows, set_name: str, documents: list[dict], rng: random.Random) -> None:
    """Made documents: their questions and claims, and questions put to another document of the same domain."""
    evaluation = set_name == "made_test"
    by_domain: dict[tuple[str, str], list[dict]] = {}
    for document in documents:
        by_domain.setdefault((document["lang"], document["domain"]), []).append(document)

    def put_to_another(other: dict, kind: str, asked: str, **more: Any) -> None:
        elsewhere = rows.text(other["text"])
        window = rows.window(elsewhere, None, rng)
        common = {"evaluation": evaluation, "group": rows.groups}
        rows.add(set_name, 1, kind, asked, context_of(other), elsewhere, window, **common, **more)

    for document in documents:
        if document["test"] != evaluation:
            continue
        context = context_of(document)
        passage = rows.text(document["text"])
        whole = (0, len(rows.tokens(passage)[0]) - 1)
        for part, most in (("questions", 8 if evaluation else 5), ("claims", 12 if evaluation else 9)):
            for row in rng.sample(document[part], min(most, len(document[part]))):
                span = rows.span(passage, row["start"], row["end"]) if row["start"] >= 0 else None
                window = whole if whole[1] < LONGEST else rows.window(passage, span, rng)
                rows.groups += 1
                asked = row["question"] if evaluation or not row["question"] else as_asked(row["question"], rng)
                if part == "questions":
                    rows.add(
                        set_name,
                        1,
                        "gold" if span else "adversarial",
                        asked,
                        context,
                        passage,
                        window,
                        span=span,
                        answers=int(bool(span)),
                        evaluation=evaluation,
                        group=rows.groups,
                    )
                else:
                    rows.add(
                        set_name,
                        1,
                        "right" if row["says"] else "made wrong",
                        asked,
                        context,
                        passage,
                        window,
                        claim=row["claim"],
                        span=span,
                        says=row["says"],
                        evaluation=evaluation,
                        group=rows.groups,
                    )
                if part == "questions" and rng.random() < 0.15:  # what is of another subject and language
                    put_to_another(of_another_subject(document, documents, rng), "hard", asked, answers=0)
                other = rng.choice(by_domain[document["lang"], document["domain"]])
                if (
                    other is not document
                    and rng.random() < 0.25
                    and document["domain"] not in ("clauses", "rules", "tiers", "leave", "year")
                ):
                    if part == "questions" and not any(q["question"] == row["question"] for q in other["questions"]):
                        put_to_another(other, "hard", asked, answers=0)
                    elif part == "claims" and not row["question"]:
                        put_to_another(other, "absent", asked, claim=row["claim"], says=0)


def context_of(document: dict) -> str:
    """What stands above the text of a made document."""
    return " › ".join(filter(None, [document["title"], document["headings"], document["header"]]))


def of_another_subject(document: dict, documents: list[dict], rng: random.Random) -> dict:
    """A document of another domain in the other language."""
    while True:
        found = rng.choice(documents)
        if found["lang"] != document["lang"] and found["domain"] != document["domain"]:
            return found


def main(given: argparse.Namespace) -> None:
    """Make all rows and write them."""
    rng = random.Random(given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(given.embedder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows = Rows(tokenizer)
    for name in SETS[:6] if "public" in given.only else ():
        folder = given.evaluation / name
        passages = [
            {**p, "title": p.get("title") or "", "text": p["text"][:1600]} for p in read(folder / "passages.jsonl")
        ]
        questions = [
            {**q, "passage_id": q["passage_id"][0] if isinstance(q["passage_id"], list) else q["passage_id"]}
            for q in read(folder / "questions.jsonl")
        ]
        unanswerable = read(folder / "questions_unanswerable.jsonl")
        own_words: dict[str, list[str]] = {}
        for one in read(HERE / "own_words.jsonl"):
            own_words.setdefault(one["of"], []).append(one["question"])
        near = [one for one in read(HERE / "near_misses.jsonl") if one["set"] == name]
        kept = given.out / f"cosines-{name}.npy"  # a minute a set, so a second run takes them from here
        if not kept.exists():
            asked = [q["question"] for q in [*questions, *unanswerable]]
            beginnings = [p["text"][: 450 if name.endswith("zh") else 1200] for p in passages]  # the embedder's limit
            np.save(kept, cosines(asked, beginnings).astype(np.float16))
        QuestionSet(
            rows, name, passages, questions, unanswerable, given.seed, own_words, near, np.load(kept).astype(np.float32)
        ).add()
        print(name, len(rows.rows), "rows", flush=True)
        if name == "drcd_zh":  # the same questions in simplified characters, training only
            where = {p["id"]: p for p in passages}
            for question in read(folder / "questions_simplified.jsonl"):
                passage = where.get(question["passage_id"])
                found = passage and next((a for a in question["answers"] if a in passage["text"]), None)
                if found and rng.random() < 0.5:
                    number = rows.text(passage["text"])
                    at = passage["text"].find(found)
                    span = rows.span(number, at, at + len(found))
                    rows.add(
                        name,
                        fold_of(passage["title"]),
                        "gold",
                        as_asked(question["question"], rng),
                        passage["title"],
                        number,
                        rows.window(number, span, rng),
                        span=span,
                        answers=1,
                    )
    if "public" in given.only:
        add_cross(rows, given.evaluation, rng)
    for name, folder, reader in (
        ("tatqa", given.tatqa, tatqa),
        ("policyqa", given.policyqa, policyqa),
        ("tables", given.tables, wiki_tables),
        ("jaquad_ja", given.jaquad, jaquad),
    ):
        if folder:
            passages, questions = reader(folder)
            questions = rng.sample(questions, min(len(questions), 6000 if name == "jaquad_ja" else 1500))
            QuestionSet(rows, name, passages, questions, [], given.seed).add()
            print(name, len(passages), "passages", len(questions), "questions", len(rows.rows), "rows", flush=True)
    if given.fairytales:
        stories = fairytales(given.fairytales)
        add_fairytales(rows, rng.sample(stories, len(stories) // 2), rng)
        print("fairytales", len(rows.rows), "rows", flush=True)
    if "across" in given.only:
        add_across(rows, given.evaluation, [d for d in read(given.made) if not d["test"]], rng)
    add_made(rows, "made", read(given.made), rng)
    add_made(rows, "made_test", read(given.made_test), rng)
    Written(rows, read(HERE / "written.jsonl"), given.seed).add()
    write(rows, given)


def write(rows: Rows, given: argparse.Namespace) -> None:
    """Write data.npz.xz (rows, tokens, table rows, body) and meta.json."""
    from safetensors.numpy import load_file

    table = np.array(rows.rows, dtype=np.int32)
    # Only the sets that the reader is judged by keep all their evaluation rows
    judged = [SETS.index(s) for s in (*SETS[:5], "cross", "made_test", "written")]
    if given.articles_only:
        made_test = table[:, COLUMNS.index("set")] == SETS.index("made_test")
        table = table[(table[:, COLUMNS.index("evaluation")] == 0) | (table[:, COLUMNS.index("fold")] == 0) | made_test]
    table = table[(table[:, COLUMNS.index("evaluation")] == 0) | np.isin(table[:, COLUMNS.index("set")], judged)]
    used_texts = np.unique(table[:, [COLUMNS.index(c) for c in ("question", "claim", "context", "passage")]])
    tokens = [rows.tokens(int(n))[0] for n in used_texts]
    specials = [rows.tokenizer.token_to_id(t) for t in ("<s>", "</s>", "<pad>", "<unk>")]
    vocabulary = np.unique(np.array([*specials, *(t for ids in tokens for t in ids)]))
    flat = np.searchsorted(vocabulary, np.array([t for ids in tokens for t in ids])).astype(
        np.uint16 if len(vocabulary) < 65536 else np.uint32
    )
    for column in ("question", "claim", "context", "passage"):
        table[:, COLUMNS.index(column)] = np.searchsorted(used_texts, table[:, COLUMNS.index(column)])
    weights = load_file(given.embedder / "model.safetensors")
    body = {
        k: v.astype(np.float16) for k, v in weights.items() if "word_embeddings" not in k and not k.startswith("pooler")
    }
    arrays = {
        "rows": table,
        "tokens": flat,
        "lengths": np.array([len(ids) for ids in tokens], dtype=np.uint16),
        "table": weights["embeddings.word_embeddings.weight"][vocabulary].astype(np.float16),
        **{f"body.{k}": v for k, v in body.items()},
    }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    (given.out / "data.npz.xz").write_bytes(lzma.compress(buffer.getvalue(), preset=4))
    meta = {
        "sets": SETS,
        "kinds": KINDS,
        "columns": COLUMNS,
        "bos": int(np.searchsorted(vocabulary, specials[0])),
        "eos": int(np.searchsorted(vocabulary, specials[1])),
    }
    (given.out / "meta.json").write_text(json.dumps(meta))
    training = table[table[:, 2] == 0]
    print(
        "training rows",
        len(training),
        "evaluation rows",
        len(table) - len(training),
        "texts",
        len(tokens),
        "tokens",
        len(flat),
        "vocabulary",
        len(vocabulary),
    )
    for number, name in enumerate(SETS):
        kinds = training[training[:, 0] == number][:, 3]
        print(" ", name, {k: int((kinds == n).sum()) for n, k in enumerate(KINDS) if (kinds == n).any()})
    print("written", (given.out / "data.npz.xz").stat().st_size // 2**20, "MiB")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--embedder", type=Path, required=True)
    arguments.add_argument("--evaluation", type=Path, required=True)
    arguments.add_argument("--made", type=Path, required=True)
    arguments.add_argument("--made-test", type=Path, required=True)
    arguments.add_argument("--tatqa", type=Path)
    arguments.add_argument("--policyqa", type=Path)
    arguments.add_argument("--tables", type=Path)
    arguments.add_argument("--jaquad", type=Path)
    arguments.add_argument("--fairytales", type=Path)
    arguments.add_argument(
        "--articles-only",
        action="store_true",
        help="evaluation rows only of the articles that --hold-out-articles keeps",
    )
    arguments.add_argument(
        "--only",
        nargs="*",
        choices=("public", "across"),
        default=("public", "across"),
        help="of the public halves only these rows; made documents and the sets that are named are always taken",
    )
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--seed", type=int, default=7)
    main(arguments.parse_args())
