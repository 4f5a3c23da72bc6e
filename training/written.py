"""Rows of office passages and their questions that were written one by one (`written.jsonl`).

A line has lang, kind, title, headings, text and questions; a question has `question`, `answer` (words of the text, ""
where it does not answer), and at most `wrong` (what a careless reader would take for the answer), `said` and `false`
(statements that the text says and does not say). Lines with `judge` are asked in evaluation only.

About as many questions are put to a passage that answers them as to one that does not. A question is put to another
section of its document, and to documents of another family: another lease may well answer "How high is the deposit?",
and so may a rental agreement.
"""

from __future__ import annotations

import random
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from noise import as_asked, language

if TYPE_CHECKING:
    from prepare import Rows

SET = "written"
TIMES = 2  # so often are the training rows made, each time with other typing errors and windows
FILES = (".docx", ".pdf", ".md", ".txt", ".html")
# Kinds of document that answer the same questions; a kind that begins no word with one of these is a family by itself
FAMILIES = (
    ("article", "encyclopedia|article|museum|news|chronicle|history|story|species|school book|biography"),
    ("lease", "lease|tenan|rent"),
    ("contract", "contract|agreement|consultan|nda|terms|licen[cs]e|franchise|outsourcing|settlement|sla|hire"),
    ("rules", "handbook|polic|rule|regulation|statute|by-?law|orders|procedure|guid|code|employ|hr|conditions"),
    ("product", "manual|spec|datasheet|product|warranty|comparison|fact sheet|keyvalue|consumer"),
    ("minutes", "minutes|meeting|board|memo"),
    ("letter", "e-?mail|letter|chat|notes"),
    ("notice", "notice|announcement|leaflet"),
    ("figures", "price|fee|tariff|invoice|order|budget|table|schedule|list|figures|form"),
    ("study", "study|abstract|experiment|lab|research|report"),
    ("software", "readme|api|software|configuration|release"),
)
NAMED = {
    "zh": ("{title}：{question}", "{title}里，{question}"),
    "en": ("{title}: {question}", "In {title}, {question}"),
}


class Written:
    """Passages with their questions, and the rows made of them."""

    def __init__(self, rows: Rows, documents: list[dict], seed: int) -> None:
        self.rows, self.documents, self.rng = rows, documents, random.Random(seed)
        self.passages = [rows.text(document["text"]) for document in documents]
        self.trained = [n for n, document in enumerate(documents) if not document.get("judge")]
        self.families = [family(document["kind"]) for document in documents]
        texts = [f"{d['title']} {d['headings']} {d['text']}" for d in documents]
        self.pairs = [set(pairwise(text)) for text in texts]  # of characters
        self.orders: dict[int, list[int]] = {}

    def add(self) -> None:
        """Add the rows of all questions."""
        for place, document in enumerate(self.documents):
            for question in document["questions"]:
                self.rows.groups += 1
                if document.get("judge"):
                    self.question_rows(place, question, evaluation=True)
                else:
                    for _ in range(TIMES):
                        self.question_rows(place, question, evaluation=False)

    def question_rows(self, place: int, question: dict, *, evaluation: bool) -> None:
        """A question and what is claimed to answer it, on its passage and on others."""
        rng, passage, asked, answer = self.rng, self.passages[place], question["question"], question["answer"]
        at = self.documents[place]["text"].find(answer) if answer else -1
        span = self.rows.span(passage, at, at + len(answer)) if answer else None
        answers = int(bool(answer))

        def put(kind: str, put_as: str, there: int = place, *, own: bool = True, **more: Any) -> None:
            number, where = self.passages[there], span if own else None
            window = self.rows.window(number, where, rng, whole=1 if evaluation else 0.6)
            context, group = self.context(there, evaluation), self.rows.groups
            common = {"span": where, "evaluation": evaluation, "group": group, **more}
            self.rows.add(SET, 0 if evaluation else 1, kind, put_as, context, number, window, **common)

        def typed() -> str:
            return asked if evaluation else as_asked(asked, rng)

        kind = "gold" if answer else "adversarial"
        put(kind, asked, answers=answers)
        if not evaluation:
            for _ in range(3 if answer else 2):
                put(kind, typed(), answers=answers)
            if answer:
                self.joined(place, question)
            titled = rng.random() < 0.5
            if titled:
                put(kind, self.named(asked, place), answers=answers)
            if titled and answer:
                put("adversarial", self.named(asked, rng.choice(self.others(place, 0.5, answer))), own=False, answers=0)
        sections = self.sections(place, answer) if answer else []
        for other in rng.sample(sections, min(1, len(sections))):
            put("hard", typed(), other, own=False, answers=0)
        elsewhere = self.others(place, 0.2, answer)
        for other in rng.sample(elsewhere, min(4 if evaluation else 1, len(elsewhere))):
            put("hard", typed(), other, own=False, answers=0)
        # Claims
        if answer:
            put("right", typed(), claim=answer, says=1)
        for wrong in question.get("wrong", []):
            put("same", typed(), claim=wrong, says=0)
        for statement in question.get("said", []):
            put("sentence", typed(), claim=statement, says=1)
            put("sentence", "", claim=statement, says=1)
            for other in [*rng.sample(sections, min(1, len(sections))), rng.choice(elsewhere)]:
                put("absent", rng.choice(["", typed()]), other, own=False, claim=statement, says=0)
        for statement in question.get("false", []):
            put("made wrong", typed(), claim=statement, says=0)
            put("made wrong", "", claim=statement, says=0)

    def joined(self, place: int, question: dict) -> None:
        """The question on its passage with another section of the document before or behind it."""
        sections = [n for n in self.trained if n != place and self.same_document(n, place)]
        if not sections:
            return
        other, answer = self.documents[self.rng.choice(sections)], question["answer"]
        first, second = self.rng.sample([self.documents[place], other], 2)
        number = self.rows.text(f"{first['text']}\n{second['headings']}\n{second['text']}")
        at = self.rows.texts[number].find(self.documents[place]["text"]) + self.documents[place]["text"].find(answer)
        span = self.rows.span(number, at, at + len(answer))
        window, context = self.rows.window(number, span, self.rng, whole=1), self.context(place, False)
        asked, group = as_asked(question["question"], self.rng), self.rows.groups
        self.rows.add(SET, 1, "gold", asked, context, number, window, span=span, answers=1, group=group)

    def same_document(self, one: int, other: int) -> bool:
        """Whether two passages are of one document."""
        return bool(self.documents[one]["title"] == self.documents[other]["title"])

    def sections(self, place: int, answer: str) -> list[int]:
        """Other passages of the same document that do not hold the answer."""
        places = [n for n, other in enumerate(self.documents) if n != place and answer not in other["text"]]
        return [n for n in places if self.same_document(n, place)]

    def others(self, place: int, share: float, answer: str) -> list[int]:
        """Passages of other families of document without the answer: the share that is most like this passage."""
        told, judged = self.documents[place], bool(self.documents[place].get("judge"))
        found = [
            n
            for n in self.by_likeness(place)
            for other in [self.documents[n]]
            if self.families[n] != self.families[place]
            and other["title"] != told["title"]
            and bool(other.get("judge")) == judged
            and not (len(answer) > 1 and answer in other["text"])
        ]
        nearest = found[: max(4, round(share * len(found)))]
        return [*nearest, *self.rng.sample(found, min(len(nearest) // 2, len(found)))]

    def by_likeness(self, place: int) -> list[int]:
        """All passages, those first that share most pairs of characters with this one."""
        if place not in self.orders:
            pairs = self.pairs[place]
            likeness = [len(pairs & other) / len(pairs | other) for other in self.pairs]
            self.orders[place] = sorted(range(len(likeness)), key=lambda n: -likeness[n])
        return self.orders[place]

    def named(self, asked: str, place: int) -> str:
        """The question with the title of a document before it."""
        form = self.rng.choice(NAMED[language(asked)])
        return form.format(title=self.documents[place]["title"], question=asked)

    def context(self, place: int, evaluation: bool) -> str:
        """What stands above the passage: title and headings; at times a file's name, or the title alone."""
        title, headings = self.documents[place]["title"], self.documents[place]["headings"]
        if not evaluation and self.rng.random() < 0.2:
            title += self.rng.choice(FILES)
        if not evaluation and self.rng.random() < 0.15:
            headings = ""
        return " › ".join(filter(None, [title, headings]))


def family(kind: str) -> str:
    """What documents of a kind are like, of `FAMILIES`."""
    return next((name for name, words in FAMILIES if re.search(rf"\b(?:{words})", kind.lower())), kind.lower())
