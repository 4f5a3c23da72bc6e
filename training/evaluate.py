"""What the scores of a reader are worth, set by set.

    python training/evaluate.py DATA NAME.scores.npz ...

Thresholds are set per set on what is right (5 % of the gold questions refused, 95 % of the right claims accepted), so
the figures compare readers; the application calibrates its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from data import Data

WRONG_CLAIMS = ("same", "random", "other", "absent", "changed", "denied", "made wrong")


def overlap(found: np.ndarray, start: int, end: int) -> float:
    """F1 of two spans of tokens."""
    common = max(0, min(found[1], end) - max(found[0], start) + 1)
    return 2 * common / ((found[1] - found[0] + 1) + (end - start + 1)) if common else 0.0


def auroc(right: np.ndarray, wrong: np.ndarray) -> float:
    """How often a right one scores above a wrong one."""
    ranks = np.concatenate([right, wrong]).argsort().argsort() + 1
    return float((ranks[: len(right)].sum() - len(right) * (len(right) + 1) / 2) / max(1, len(right) * len(wrong)))


def highest(scores: np.ndarray, groups: np.ndarray) -> dict[int, float]:
    """The best score of each question's passages."""
    best: dict[int, float] = {}
    for group, score in zip(groups.tolist(), scores.tolist(), strict=True):
        best[group] = max(best.get(group, score), score)
    return best


def figures(meta: dict, rows: np.ndarray, scores: dict[str, np.ndarray], set_name: str) -> dict[str, float]:
    """The figures of one set, by what they are; none where it was not scored."""
    column = {c: n for n, c in enumerate(meta["columns"])}
    mine = rows[scores["row"]]
    here = mine[:, column["set"]] == meta["sets"].index(set_name)
    kind = {k: here & (mine[:, column["kind"]] == n) for n, k in enumerate(meta["kinds"])}
    group, start, end = (mine[:, column[c]] for c in ("group", "start", "end"))
    answers, says, spans = scores["answers"].astype(float), scores["says"].astype(float), scores["spans"]
    gold, right = kind["gold"], kind["right"]
    if not gold.any():
        return {}
    found: dict[str, float] = {"questions": int(gold.sum())}
    with_span = [n for n in np.flatnonzero(gold) if start[n] >= 0]
    best = [[overlap(span, start[n], end[n]) for span in spans[n]] for n in with_span]
    found["span F1"] = float(np.mean([b[0] for b in best]))
    found["span exact"] = float(np.mean([b[0] == 1 for b in best]))
    found["answer among the first 3 spans"] = float(np.mean([max(b) > 0 for b in best]))
    bar = float(np.quantile(answers[gold], 0.05))
    if kind["hard"].any():
        rivals = highest(answers[kind["hard"]], group[kind["hard"]])
        found["passages a question"] = 1 + round(kind["hard"].sum() / gold.sum())
        found["gold first among them"] = float(
            np.mean([answers[n] >= rivals[group[n]] for n in np.flatnonzero(gold) if group[n] in rivals])
        )
        found["AUROC gold / other passages"] = auroc(answers[gold], answers[kind["hard"]])
        found["without its passage refused at 5% false"] = float(np.mean([v < bar for v in rivals.values()]))
    if kind["adversarial"].any():
        near = answers[kind["adversarial"]]
        found["near misses"] = len(near)
        found["AUROC gold / near misses"] = auroc(answers[gold], near)
        found["near misses refused at 5% false"] = float(np.mean(near < bar))
    if kind["removed"].any():
        removed = highest(answers[kind["removed"]], group[kind["removed"]])
        found["removed-article questions"] = len(removed)
        found["removed-article refused at 5% false"] = float(np.mean([v < bar for v in removed.values()]))
    for noise in ("typo", "polite", "digits"):
        if kind[noise].any():
            found[f"{noise}: refused at the same threshold"] = float(np.mean(answers[kind[noise]] < bar))
    if kind["own"].any():
        found["questions in own words"] = int(kind["own"].sum())
        found["own words: refused at the same threshold"] = float(np.mean(answers[kind["own"]] < bar))
    if right.any():
        found["right claims"] = int(right.sum())
        for share in (95, 90):
            accept = float(np.quantile(says[right], 1 - share / 100))
            for wrong in WRONG_CLAIMS:
                if kind[wrong].any():
                    found[f"claims, {wrong} ({kind[wrong].sum()}): accepted at {share}% right"] = float(
                        np.mean(says[kind[wrong]] >= accept)
                    )
            if kind["sentence"].any():
                found[f"claims, own sentence: accepted at {share}% right"] = float(
                    np.mean(says[kind["sentence"]] >= accept)
                )
    return found


def report(meta: dict, rows: np.ndarray, scores: dict[str, np.ndarray], name: str) -> str:
    """All figures as text."""
    lines = []
    for set_name in meta["sets"]:
        found = figures(meta, rows, scores, set_name)
        lines += [f"{name} {set_name}: {key} {round(value, 3)}" for key, value in found.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    data = Data(Path(sys.argv[1]))
    for path in sys.argv[2:]:
        print(report(data.meta, data.rows, dict(np.load(path)), Path(path).name.removesuffix(".scores.npz")))
