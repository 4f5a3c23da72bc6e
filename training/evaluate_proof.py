"""How often a right answer is proven, and a wrong one: on articles that a reader has not seen.

    python training/evaluate_proof.py ../shared/eval --reader articles.onnx --count 100

Asked are questions of articles with `fold_of(title) == 0` (prepare.py); the passages are the question's own and those
that share most words with it. Without `--reader` the rules alone are measured; `--shipped` asks the file in the
package, which has not seen these articles either. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from langchain_core.documents import Document
from prepare import fold_of, read, sentence_of
from sklearn.feature_extraction.text import TfidfVectorizer

from minicpm_rag.answering.citations import CitedAnswer
from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder
from minicpm_rag.embedding.reader import WEIGHTS, Reader
from minicpm_rag.settings import load_settings

SETS = ("cmrc_zh", "drcd_zh", "xquad_zh", "xquad_en", "squad2_en")
RIVALS = 3


def asked(folder: Path, count: int, seed: int) -> Iterator[tuple[str, list[Document], dict[str, str]]]:
    """Questions with passages, the right one first, and claims by kind.

    `same` is another question's answer in the same passage, `other` one in a passage beside it, `absent` one of a
    passage that is not shown; `sentence` the right sentence, `swapped` the same with a wrong answer in it.
    """
    passages, questions = read(folder / "passages.jsonl"), read(folder / "questions.jsonl")
    chinese = folder.name.endswith("zh")
    stop = "。" if chinese else "."
    where = {passage["id"]: place for place, passage in enumerate(passages)}
    answered: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for question in questions:
        place = where[question["passage_id"]]
        held = [answer for answer in question["answers"] if answer and answer in passages[place]["text"]]
        if held:
            answered[place].append((question["id"], held[0]))
    vectors = TfidfVectorizer(sublinear_tf=True, **({"analyzer": "char", "ngram_range": (2, 2)} if chinese else {}))
    matrix = vectors.fit_transform([f"{passage['title']} {passage['text']}" for passage in passages])
    rng = random.Random(seed)
    rng.shuffle(questions)
    for question in questions:
        own = where[question["passage_id"]]
        answers = [answer for number, answer in answered[own] if number == question["id"]]
        if not answers or fold_of(passages[own]["title"] or question["passage_id"]):
            continue
        if not count:
            return
        count -= 1
        answer, text = answers[0], passages[own]["text"]
        alike = (vectors.transform([question["question"]]) @ matrix.T).toarray().ravel().argsort()[::-1]
        beside = [int(place) for place in alike if place != own][:RIVALS]

        def wrong(places: list[int], answer: str = answer, text: str = text) -> list[str]:
            told = [one for place in places for _, one in answered[place]]
            return [one for one in told if one not in answer and answer not in one and (one not in text)]

        same = [
            one for number, one in answered[own] if number != question["id"] and not (one in answer or answer in one)
        ]
        far = [rng.randrange(len(passages)) for _ in range(20)]
        shown = " ".join(passages[place]["text"] for place in (own, *beside))
        claims = {"right": answer + stop}
        kinds = {"same": same, "other": wrong(beside), "absent": [one for one in wrong(far) if one not in shown]}
        claims |= {kind: rng.choice(found) + stop for kind, found in kinds.items() if found}
        start = text.find(answer)
        if sentence := sentence_of(text, start, start + len(answer)):
            claims["sentence"] = sentence
            if "same" in claims and (swapped := sentence.replace(answer, claims["same"][:-1])) not in text:
                claims["swapped"] = swapped
        documents = [
            Document(passages[place]["text"], metadata={"title": passages[place]["title"]}) for place in (own, *beside)
        ]
        yield question["question"], documents, claims


def main() -> None:
    """Print, for each set and kind of claim, the share that is proven."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("evaluation", type=Path)
    options.add_argument("--reader", type=Path, help="weights that have not seen these articles")
    options.add_argument("--shipped", action="store_true")
    options.add_argument("--count", type=int, default=100, help="questions of each set")
    options.add_argument("--seed", type=int, default=5)
    given = options.parse_args()
    reader = None
    if given.reader or given.shipped:
        embedder = load_embedder(e5.NAME, load_settings().home)
        assert isinstance(embedder, OnnxEmbedder)
        reader = Reader(embedder, weights=given.reader or WEIGHTS)
    for name in SETS:
        proven: dict[str, list[bool]] = defaultdict(list)
        for question, documents, claims in asked(given.evaluation / name, given.count, given.seed):
            for kind, claim in claims.items():
                cited = CitedAnswer(question, documents, reader=reader)
                cited.add(claim)
                cited.finish()
                proven[kind].append(bool(cited.citations))
        rates = (f"{kind} {sum(found) / len(found):.3f} of {len(found)}" for kind, found in sorted(proven.items()))
        print(name, ", ".join(rates), flush=True)


if __name__ == "__main__":
    main()
