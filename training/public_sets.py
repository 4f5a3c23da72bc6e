"""Other public question sets as passages and questions; each reads the files of the set's repository.

A passage has id, title and text; a question has question, answers and passage_id. Licences are named with each set.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

COMPUTED = re.compile(  # questions on tables whose answer is worked out or found by its place
    "how many|total|most|least|difference|more|less|last|first|next|previous|after|before|number of|"
    "longest|highest|lowest|largest"
)


def tatqa(folder: Path) -> tuple[list[dict], list[dict]]:
    """TAT-QA (CC BY 4.0): financial reports, a table and its paragraphs; only answers that stand there."""
    passages, questions = [], []
    for path in sorted(folder.glob("tatqa_dataset_*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8")):
            table = "\n".join("| " + " | ".join(cells) + " |" for cells in entry["table"]["table"])
            texts = {"table": table} | {str(p["order"]): p["text"] for p in entry["paragraphs"]}
            ids = {}
            for key, text in texts.items():
                ids[key] = f"tatqa{len(passages)}"
                passages.append({"id": ids[key], "title": entry["table"]["uid"][:8], "text": text})
            for q in entry["questions"]:
                if q.get("answer_type") != "span" or q.get("req_comparison"):
                    continue
                answer = q["answer"][0] if isinstance(q["answer"], list) else q["answer"]
                source = (
                    "table"
                    if q["answer_from"] == "table"
                    else next(
                        (o for o in q.get("rel_paragraphs", []) if o in texts and str(answer) in texts[o]), "table"
                    )
                )
                if str(answer) in texts[source]:
                    questions.append({"question": q["question"], "answers": [str(answer)], "passage_id": ids[source]})
    for p in passages:
        p["title"] = ""
    return passages, questions


def policyqa(folder: Path) -> tuple[list[dict], list[dict]]:
    """PolicyQA (MIT): privacy policies of web sites."""
    passages, questions = [], []
    for path in sorted(folder.glob("*.json")):
        for site in json.loads(path.read_text(encoding="utf-8"))["data"]:
            for paragraph in site["paragraphs"]:
                key = f"policy{len(passages)}"
                passages.append({"id": key, "title": site["title"] + " privacy policy", "text": paragraph["context"]})
                for q in paragraph["qas"]:
                    answer = q["answers"][0]["text"]
                    if len(answer) <= 160:
                        questions.append({"question": q["question"], "answers": [answer], "passage_id": key})
    return passages, questions


def wiki_tables(folder: Path) -> tuple[list[dict], list[dict]]:
    """WikiTableQuestions (CC BY-SA 4.0): look-ups whose answer is one cell that occurs once in the table."""
    passages: dict[str, dict] = {}
    questions = []
    with (folder / "data/training.tsv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            key, answer, asked = row["context"], row["targetValue"], row["utterance"]
            if COMPUTED.search(asked) or "|" in answer:
                continue
            if key not in passages:
                path = folder / key
                if not path.exists():
                    continue
                with path.open(encoding="utf-8", newline="") as table:
                    cells = [
                        [c.replace("\n", " ").strip() for c in line] for line in csv.reader(table, escapechar="\\")
                    ]
                if not 3 <= len(cells) <= 30:
                    continue
                passages[key] = {
                    "id": key,
                    "title": "",
                    "text": "\n".join("| " + " | ".join(line) + " |" for line in cells),
                }
            if passages[key]["text"].count(answer) == 1 and answer:
                questions.append({"question": asked, "answers": [answer], "passage_id": key})
    return list(passages.values()), questions


def jaquad(folder: Path) -> tuple[list[dict], list[dict]]:
    """JaQuAD (CC BY-SA 3.0): articles of the Japanese Wikipedia, two thirds of the questions in other words."""
    passages, questions = [], []
    for path in sorted(folder.glob("data/*/*.json")):
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
            for paragraph in article["paragraphs"]:
                key = f"jaquad{len(passages)}"
                passages.append({"id": key, "title": article["title"], "text": paragraph["context"]})
                questions += [
                    {"question": q["question"], "answers": [q["answers"][0]["text"]], "passage_id": key}
                    for q in paragraph["qas"]
                ]
    return passages, questions


def fairytales(folder: Path) -> list[dict]:
    """FairytaleQA (Apache 2.0): stories with title, sections and questions on one section, answered in own words."""
    stories = []
    for path in sorted((folder / "data-by-train-split").glob("questions/*/*.csv")):
        name = path.name.removesuffix("-questions.csv")
        source = folder / f"data-by-train-split/section-stories/all/{name}-story.csv"
        with source.open(encoding="utf-8", newline="") as lines:
            sections = {row["section"]: " ".join(row["text"].split()) for row in csv.DictReader(lines)}
        with path.open(encoding="utf-8", newline="") as lines:
            questions = [
                {
                    "question": row["question"].strip(),
                    "answers": [a.strip() for a in (row["answer1"], row["answer4"]) if a and a.strip()],
                    "section": row["cor_section"].strip(),
                }
                for row in csv.DictReader(lines)
                if row["local-or-sum"] == "local" and row["cor_section"].strip() in sections
            ]
        stories.append({"title": name.replace("-", " "), "sections": sections, "questions": questions})
    return stories
