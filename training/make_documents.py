"""Make documents with questions and claims: contracts, handbooks, price lists, minutes, manuals, news; two languages.

    python training/make_documents.py OUT.jsonl --count 6000 --seed 1

A document tells attributes of several like things in one of six forms: sentences, a section a thing, lines of a list,
a table, one attribute of all, or relations, rules, aims, scales and enumerations. So the reader has to find whose value
it is: the near misses are the values of the neighbours, other attributes of the same thing, another year, another unit,
the reverse of a relation, a denial, an aim instead of a result. One line a document:

    {"lang", "domain", "test", "title", "headings", "header", "text",
     "questions": [{"question", "start", "end", "kind"}],      start -1: the text does not answer it
     "claims": [{"question", "claim", "says", "start", "end", "kind"}]}
"""

from __future__ import annotations

import argparse
import json
import random
import re
from pathlib import Path

from domains import AIMS, CLAUSES, DOMAINS, HEADINGS, LISTS, RELATIONS, RULES, TIERS, Attribute
from values import Value, name, pick, series

FILLERS = {
    "en": [
        "Please read this text carefully.",
        "Further details are given below.",
        "Questions may be sent to the office at any time.",
        "This page was last edited by the secretary.",
        "The figures were checked twice.",
        "Thanks go to all who took part.",
        "Some of these points will be discussed again.",
        "The numbers may change without notice.",
        "A copy is kept in the archive.",
        "See also the following section.",
        "Nothing else was decided.",
        "The weather was fine during the visit.",
    ],
    "zh": [
        "请仔细阅读以下内容。",
        "详细情况见下文。",
        "如有疑问可随时联系办公室。",
        "本页由秘书整理。",
        "以上数据经过两次核对。",
        "感谢各位的参与。",
        "部分内容将另行讨论。",
        "数据如有变动恕不另行通知。",
        "副本存档备查。",
        "另见下一节。",
        "会议未作其他决定。",
        "当天天气晴好。",
    ],
}
SHORT = {"en": ["{v}.", "{v}", "It is {v}.", "The answer is {v}."], "zh": ["{v}。", "{v}", "是{v}。", "答案是{v}。"]}
YES_NO = {"en": ("Yes.", "No."), "zh": ("是的。", "不是。")}


TIMES = ("days", "weeks", "months", "hours")


def one_time(kind: str, shared: str) -> str:
    """All durations of a document in one unit, so that the unit does not tell whose number it is."""
    return shared if shared and kind in (*TIMES, "years", "minutes") else kind


class Text:
    """A text that grows and remembers where its values lie."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0

    def add(self, text: str) -> int:
        """Append; returns where it begins."""
        at = self.length
        self.parts.append(text)
        self.length += len(text)
        return at

    def add_template(self, template: str, **values: str) -> dict[str, tuple[int, int]]:
        """Append a filled template; returns where each value lies."""
        found: dict[str, tuple[int, int]] = {}
        rest = template
        while "{" in rest:
            before, _, rest = rest.partition("{")
            key, _, rest = rest.partition("}")
            self.add(before)
            at = self.add(values[key])
            found[key] = (at, at + len(values[key]))
        self.add(rest)
        return found

    def __str__(self) -> str:
        return "".join(self.parts)


NOWHERE = (-1, -1)


def asked_of(question: str, span: tuple[int, int], kind: str) -> dict:
    """A question and where its answer stands."""
    return {"question": question, "start": span[0], "end": span[1], "kind": kind}


def told(question: str, claim: str, says: int, span: tuple[int, int], kind: str) -> dict:
    """A claim, whether the text says it (1) or not (0), and where the right value stands."""
    return {"question": question, "claim": claim, "says": says, "start": span[0], "end": span[1], "kind": kind}


def capital(text: str, lang: str) -> str:
    """An English sentence begins with a capital."""
    return text[0].upper() + text[1:] if lang == "en" and text else text


def fill(template: str, lang: str, **values: str) -> str:
    """A template with its values."""
    return capital(template.format(**values), lang)


def other(lang: str) -> str:
    """The other language."""
    return "zh" if lang == "en" else "en"


def typed(label: str, lang: str, rng: random.Random, thing: str = "") -> str:
    """What is typed into a search box: the label of an attribute, beside the thing where it has a name."""
    label = label.lower() if lang == "en" else label
    if not thing:
        return label
    gap = " " if lang == "en" else rng.choice(["", " "])
    return f"{label}{gap}{thing}" if rng.random() < 0.25 else f"{thing}{gap}{label}"


def told_across(
    question: str, value: Value, wrong: list[Value], span: tuple[int, int], rng: random.Random
) -> list[dict]:
    """A question in the other language with the value as that writes it, and with another one."""
    lang, found = other(value.lang), []
    for choice, says in ((value, 1), (rng.choice([*wrong, value.different(rng)]), 0)):
        there = choice.in_language(lang, rng)
        if there and (says or not set(there.forms) & set((value.in_language(lang, rng) or there).forms)):
            claim = rng.choice(SHORT[lang]).format(v=there.other_form(rng))
            found.append(told(question, claim, says, span, "right" if says else "other value"))
    return found


SHORT_NAMES = ("product", "software", "company", "machine")


def short_name(thing: str, kind: str, lang: str, others: list[str]) -> str:
    """What people call a thing for short, "Lumina" for "Lumina X5"; empty where another thing is called so too."""
    if kind not in SHORT_NAMES:
        return ""
    if lang == "en":
        short = thing.split()[0] if thing[0].isupper() else ""
    else:
        short = thing[:2] if kind == "company" else re.sub(r"(系统|软件|平台)?[A-Za-z]*-?[\d.]+号?$", "", thing)
    return "" if len(short) < 2 or short == thing or any(short in other for other in others) else short


def facts_document(domain: dict, lang: str, rng: random.Random) -> dict:
    """Attributes of several like things."""
    test = bool(domain.get("test"))
    spec = domain[lang]
    things = series(spec["entities"], lang, rng, test, rng.randint(2, 6))
    absent = things.pop() if len(things) > 2 else None
    attributes: list[Attribute] = rng.sample(spec["attributes"], rng.randint(2, min(6, len(spec["attributes"]))))
    unasked = [a for a in spec["attributes"] if a not in attributes]
    values: dict[tuple[str, str], Value] = {}
    shared = rng.choice([*TIMES, "", "", ""])
    attributes = [(a[0], one_time(a[1], shared), *a[2:]) for a in attributes]
    for thing in things:
        for attribute in attributes:
            value = Value(attribute[1], lang, rng, test)
            for _ in range(20):
                if all(value.text not in v.forms for (_, key), v in values.items() if key == attribute[0]):
                    break
                value = Value(attribute[1], lang, rng, test)
            values[thing, attribute[0]] = value
    title = rng.choice(spec["titles"]).format(
        e=things[0], s=things[0].split()[0], d=Value("date", lang, rng, test).text
    )
    form = rng.choice(["sentences", "sentences", "section", "section", "lines", "table", "table", "by_attribute"])
    text, headings, header = Text(), "", ""
    places: dict[
        tuple[str, str], tuple[int, int, int]
    ] = {}  # where the value lies; which statement was used (-1: none)
    told_things = things
    end = "\n" if rng.random() < 0.2 else (" " if lang == "en" else "")
    if form in ("sentences", "by_attribute"):
        order = (
            [(t, a) for t in things for a in attributes]
            if form == "sentences"
            else [(t, a) for a in attributes for t in things]
        )
        last = None
        for thing, attribute in order:
            if rng.random() < 0.12:
                continue  # some attributes are not told: near misses
            if rng.random() < 0.12:
                text.add(rng.choice(FILLERS[lang]) + end)
                last = None
            statement = rng.randrange(len(attribute[3]))
            template = attribute[3][statement]
            if thing == last and template.startswith("{e}") and form == "sentences" and rng.random() < 0.6:
                pronoun = (
                    rng.choice(["It", f"This {spec['noun']}"])
                    if lang == "en"
                    else rng.choice(["它", f"该{spec['noun']}", "其"])
                )
                template = pronoun + template[3:].removeprefix("的" if pronoun == "其" else "\0")
            value = values[thing, attribute[0]].text
            at = text.length
            spots = text.add_template(template, e=thing, v=value)
            if lang == "en":
                text.parts[-len(text.parts) :] = [
                    capital("".join(text.parts)[:at] or "", "") + capital("".join(text.parts)[at:], lang)
                ]
            text.add(end)
            places[thing, attribute[0]] = (*spots["v"], statement)
            last = thing
    elif form == "section":
        told_things = [rng.choice(things)]
        headings = " > ".join(
            filter(
                None,
                [
                    rng.choice(["", spec["titles"][0].format(e=told_things[0], s=told_things[0], d="2025")]),
                    capital(told_things[0], lang),
                ],
            )
        )
        for attribute in attributes:
            value = values[told_things[0], attribute[0]].text
            if rng.random() < 0.5:
                statement = rng.randrange(len(attribute[3]))
                pronoun = (
                    rng.choice(["it", f"the {spec['noun']}"])
                    if lang == "en"
                    else rng.choice(["", f"该{spec['noun']}", "其"])
                )
                template = attribute[3][statement]
                at = text.length
                spots = text.add_template(template, e=pronoun, v=value)
                if lang == "en":
                    joined = "".join(text.parts)
                    text.parts = [joined[:at] + capital(joined[at:], lang)]
                text.add(end)
            else:
                statement = -1
                text.add(("- " if rng.random() < 0.5 else "") + attribute[2] + (": " if lang == "en" else "："))
                spots = {"v": (at := text.add(value), at + len(value))}
                text.add("\n")
            places[told_things[0], attribute[0]] = (*spots["v"], statement)
    elif form == "lines":
        for thing in things:
            text.add(capital(thing, lang) + (": " if lang == "en" else "："))
            for place, attribute in enumerate(attributes):
                if place:
                    text.add("; " if lang == "en" else "；")
                text.add((attribute[2].lower() if lang == "en" else attribute[2]) + " ")
                value = values[thing, attribute[0]].text
                at = text.add(value)
                places[thing, attribute[0]] = (at, at + len(value), -1)
            text.add("\n")
    else:
        first = capital(spec["noun"], lang)
        header = f"| {first} | " + " | ".join(a[2] for a in attributes) + " |"
        if rng.random() < 0.6:
            text.add(header + "\n")
            header = ""
        for thing in things:
            text.add(f"| {capital(thing, lang)} |")
            for attribute in attributes:
                text.add(" ")
                if rng.random() < 0.06:
                    text.add(" |")
                    continue
                value = values[thing, attribute[0]].text
                at = text.add(value)
                places[thing, attribute[0]] = (at, at + len(value), -1)
                text.add(" |")
            text.add("\n")
    questions, claims = [], []
    for (thing, key), (start, stop, used) in rng.sample(list(places.items()), min(len(places), 5)):
        attribute = next(a for a in attributes if a[0] == key)
        value = values[thing, key]
        question = fill(rng.choice(attribute[4]), lang, e=thing)
        questions.append(asked_of(question, (start, stop), "gold"))
        others_named = [t for t in [*things, absent] if t and t != thing]
        if (short := short_name(thing, spec["entities"], lang, others_named)) and rng.random() < 0.4:
            questions.append(asked_of(fill(rng.choice(attribute[4]), lang, e=short), (start, stop), "gold"))
        if rng.random() < 0.2:
            questions.append(asked_of(typed(attribute[2], lang, rng, thing), (start, stop), "gold"))
        asked_across = ""
        if (lang == "zh" or thing[0].isupper()) and rng.random() < 0.35:  # in the other language, the name as it stands
            there = next(a for a in domain[other(lang)]["attributes"] if a[0] == key)
            asked_across = rng.choice([*there[4], typed(there[2], other(lang), rng, "{e}")]).format(e=thing)
            questions.append(asked_of(asked_across, (start, stop), "gold"))
        others = [s for n, s in enumerate(attribute[3]) if n != used] or attribute[3]
        statement = rng.choice(others if rng.random() < 0.7 else attribute[3])
        asked = rng.choice(["", question])
        claims.append(told(asked, fill(statement, lang, e=thing, v=value.other_form(rng)), 1, (start, stop), "right"))
        claims.append(
            told(question, rng.choice(SHORT[lang]).format(v=value.other_form(rng)), 1, (start, stop), "right")
        )
        # Another value: of the same attribute of a neighbour, of another attribute, or a made one
        neighbours = [
            values[t, key]
            for t in things
            if t != thing and (t, key) in places and not set(values[t, key].forms) & set(value.forms)
        ]
        same = [values[thing, k] for (t, k) in places if t == thing and k != key]
        if asked_across:
            claims += told_across(asked_across, value, [*neighbours, *same], (start, stop), rng)
        for kind, choice in (
            ("neighbour", neighbours),
            ("other attribute", same),
            ("other value", [value.different(rng)]),
        ):
            if choice and rng.random() < (0.9 if kind == "neighbour" else 0.6):
                one = rng.choice(choice)
                if set(value.forms) & set(one.forms):
                    continue
                wrong = one.other_form(rng)
                short = rng.random() < 0.5
                claims.append(
                    told(
                        question if short else rng.choice(["", question]),
                        rng.choice(SHORT[lang]).format(v=wrong)
                        if short
                        else fill(rng.choice(attribute[3]), lang, e=thing, v=wrong),
                        0,
                        (start, stop),
                        kind,
                    )
                )
        # The same value said of another thing, and of a thing that the text does not tell of
        strangers = [
            t
            for t in [*things, absent]
            if t and t != thing and not ((t, key) in places and set(values[t, key].forms) & set(value.forms))
        ]
        if strangers and rng.random() < 0.7:
            stranger = rng.choice(strangers)
            claims.append(
                told(
                    "",
                    fill(rng.choice(attribute[3]), lang, e=stranger, v=value.other_form(rng)),
                    0,
                    NOWHERE,
                    "other subject",
                )
            )
    if absent:
        for attribute in rng.sample(attributes, min(2, len(attributes))):
            questions.append(asked_of(fill(rng.choice(attribute[4]), lang, e=absent), NOWHERE, "other subject"))
    quiet = [(t, a) for t in things if t not in told_things for a in attributes]
    quiet += [(t, a) for t in told_things for a in attributes if (t, a[0]) not in places] + [
        (rng.choice(told_things), a) for a in unasked[:3]
    ]
    for thing, attribute in rng.sample(quiet, min(3, len(quiet))):
        other_lang = other(lang) if (lang == "zh" or thing[0].isupper()) and rng.random() < 0.4 else lang
        there = next(a for a in domain[other_lang]["attributes"] if a[0] == attribute[0])
        asked = rng.choice(there[4]) if rng.random() < 0.75 else typed(there[2], other_lang, rng, "{e}")
        questions.append(asked_of(fill(asked, other_lang, e=thing), NOWHERE, "not told"))
        claims.append(
            told(
                "",
                fill(rng.choice(attribute[3]), lang, e=thing, v=Value(attribute[1], lang, rng, test).text),
                0,
                NOWHERE,
                "not told",
            )
        )
    return {
        "lang": lang,
        "domain": domain["key"],
        "form": form,
        "test": test,
        "title": title,
        "headings": headings,
        "header": header,
        "text": str(text),
        "questions": questions,
        "claims": claims,
    }


def of_sentences(
    domain: str, lang: str, test: bool, title: str, text: Text, questions: list, claims: list, headings: str = ""
) -> dict:
    """A document of running sentences, without a table."""
    return {
        "lang": lang,
        "domain": domain,
        "form": "sentences",
        "test": test,
        "title": title,
        "headings": headings,
        "header": "",
        "text": str(text).strip(),
        "questions": questions,
        "claims": claims,
    }


def relations_document(relation: dict, lang: str, rng: random.Random) -> dict:
    """Who does what to whom."""
    test = bool(relation.get("test"))
    statements, ask_a, ask_b = relation[lang]
    people = series(relation["entities"], lang, rng, test, 8)
    pairs = [(people[n], people[n + 1]) for n in range(0, len(people) - 1, 2)][: rng.randint(1, 4)]
    if len(pairs) > 1 and rng.random() < 0.3:
        pairs[1] = (pairs[0][1], pairs[1][1])  # a chain
    text, questions, claims = Text(), [], []
    doers, targets = {a for a, _ in pairs}, {b for _, b in pairs}
    for a, b in pairs:
        if rng.random() < 0.3:
            text.add(rng.choice(FILLERS[lang]) + (" " if lang == "en" else ""))
        used = rng.randrange(len(statements))
        spots = text.add_template(statements[used], a=a, b=b)
        text.add(" " if lang == "en" else "")
        questions.append(asked_of(rng.choice(ask_a).format(b=b), spots["a"], "gold"))
        questions.append(asked_of(rng.choice(ask_b).format(a=a), spots["b"], "gold"))
        if a not in targets:
            questions.append(asked_of(rng.choice(ask_a).format(b=a), NOWHERE, "reversed"))
        if b not in doers:
            questions.append(asked_of(rng.choice(ask_b).format(a=b), NOWHERE, "reversed"))
        for _ in range(2):
            claims.append(told("", rng.choice(statements).format(a=a, b=b), 1, spots["a"], "right"))
        if (b, a) not in pairs:
            for _ in range(2):
                claims.append(told("", rng.choice(statements).format(a=b, b=a), 0, NOWHERE, "reversed"))
        claims.append(told(rng.choice(ask_a).format(b=b), rng.choice(SHORT[lang]).format(v=a), 1, spots["a"], "right"))
        wrong = rng.choice([x for x in people if x not in (a, b)] + [b])
        claims.append(
            told(rng.choice(ask_a).format(b=b), rng.choice(SHORT[lang]).format(v=wrong), 0, spots["a"], "other subject")
        )
    title = {"en": ["Notes", "Overview", "Who is who", "Minutes"], "zh": ["记录", "概况", "人物与单位", "纪要"]}[lang]
    return of_sentences("relation", lang, test, rng.choice(title), text, questions, claims)


def rules_document(rule: dict, lang: str, rng: random.Random) -> dict:
    """What is allowed and what is not."""
    allowed, forbidden, asked, everything = rule[lang]
    things = rng.sample(everything, rng.randint(3, 6))
    absent = things.pop()
    text, questions, claims = Text(), [], []
    yes, no = YES_NO[lang]
    for thing in things:
        good = rng.random() < 0.5
        start = text.length
        text.add(fill(rng.choice(allowed if good else forbidden), lang, x=thing))
        stop = text.length
        text.add(rng.choice([" ", "\n"]) if lang == "en" else rng.choice(["", "\n"]))
        question = rng.choice(asked).format(x=thing)
        questions.append(asked_of(question, (start, stop), "gold"))
        if rng.random() < 0.25:
            _, _, asked_there, there = rule[other(lang)]
            across = rng.choice(asked_there).format(x=there[everything.index(thing)])
            questions.append(asked_of(across, (start, stop), "gold"))
            for short, says in zip(YES_NO[other(lang)], (good, not good), strict=True):
                claims.append(told(across, short, int(says), (start, stop), "right" if says else "denied"))
        claims.append(
            told("", fill(rng.choice(allowed if good else forbidden), lang, x=thing), 1, (start, stop), "right")
        )
        claims.append(
            told(
                rng.choice(["", question]),
                fill(rng.choice(forbidden if good else allowed), lang, x=thing),
                0,
                (start, stop),
                "denied",
            )
        )
        claims.append(told(question, yes if good else no, 1, (start, stop), "right"))
        claims.append(told(question, no if good else yes, 0, (start, stop), "denied"))
    questions.append(asked_of(rng.choice(asked).format(x=absent), NOWHERE, "other subject"))
    _, _, asked_there, there = rule[other(lang)]
    across = rng.choice(asked_there).format(x=there[everything.index(absent)])
    questions.append(asked_of(across, NOWHERE, "other subject"))
    claims.append(told("", fill(rng.choice([*allowed, *forbidden]), lang, x=absent), 0, NOWHERE, "other subject"))
    title = {"en": ["Rules", "House rules", "Guideline"], "zh": ["规定", "守则", "须知"]}[lang]
    return of_sentences("rules", lang, bool(rule.get("test")), rng.choice(title), text, questions, claims)


def aims_document(aim: dict, lang: str, rng: random.Random) -> dict:
    """Aims are no results."""
    aims, results, asked, entities, kind = aim[lang]
    test = bool(aim.get("test"))
    text, questions, claims = Text(), [], []
    gap = " " if lang == "en" else ""
    for thing in series(entities, lang, rng, test, rng.randint(2, 4)):
        aimed = Value(kind, lang, rng, test)
        reached = aimed.different(rng)
        has_aim, has_result = rng.choice([(True, True), (True, False), (False, True)])
        question = rng.choice(asked).format(e=thing)
        spots = None
        if has_aim:
            text.add_template(rng.choice(aims), e=thing, v=aimed.text)
            text.add(gap)
            claims.append(told("", fill(rng.choice(aims[:2]), lang, e=thing, v=aimed.text), 1, NOWHERE, "right"))
            claims.append(
                told(
                    rng.choice(["", question]),
                    fill(rng.choice(results), lang, e=thing, v=aimed.text),
                    0,
                    NOWHERE,
                    "aim",
                )
            )
        if has_result:
            spots = text.add_template(rng.choice(results), e=thing, v=reached.text)["v"]
            text.add(gap)
            claims.append(
                told(
                    rng.choice(["", question]),
                    fill(rng.choice(results), lang, e=thing, v=reached.other_form(rng)),
                    1,
                    spots,
                    "right",
                )
            )
        start, stop = spots or (-1, -1)
        questions.append(asked_of(question, (start, stop), "gold" if spots else "aim"))
        if rng.random() < 0.3:
            text.add(rng.choice(FILLERS[lang]) + gap)
    title = {"en": ["Report", "Outlook", "Strategy paper"], "zh": ["报告", "展望", "战略规划"]}[lang]
    return of_sentences("aims", lang, test, rng.choice(title), text, questions, claims)


def tiers_document(tier: dict, lang: str, rng: random.Random) -> dict:
    """Steps of a scale."""
    statement, asked, kind = tier[lang]
    test = bool(tier.get("test"))
    steps = sorted(rng.sample([10, 20, 50, 80, 100, 150, 200, 300, 500, 800, 1000, 2000], rng.randint(3, 5)))
    absent = steps.pop(rng.randrange(len(steps)))
    text, questions, claims = Text(), [], []
    values: list[Value] = []
    for _ in steps:
        value = Value(kind, lang, rng, test)
        while any(set(value.forms) & set(v.forms) for v in values):
            value = Value(kind, lang, rng, test)
        values.append(value)
    for n, value in zip(steps, values, strict=True):
        spots = text.add_template(statement, n=str(n), v=value.text)["v"]
        text.add(" " if lang == "en" else "")
        question = rng.choice(asked).format(n=n)
        wrong = rng.choice([*(v for v in values if v is not value), value.different(rng)])
        questions.append(asked_of(question, spots, "gold"))
        if rng.random() < 0.3:
            across = rng.choice(tier[other(lang)][1]).format(n=n)
            questions.append(asked_of(across, spots, "gold"))
            claims += told_across(across, value, [wrong], spots, rng)
        claims.append(told(question, rng.choice(SHORT[lang]).format(v=value.other_form(rng)), 1, spots, "right"))
        claims.append(told("", statement.format(n=n, v=value.other_form(rng)), 1, spots, "right"))
        claims.append(told(question, rng.choice(SHORT[lang]).format(v=wrong.other_form(rng)), 0, spots, "neighbour"))
        claims.append(told("", statement.format(n=n, v=wrong.other_form(rng)), 0, spots, "neighbour"))
    for asked_there in (asked, tier[other(lang)][1]):
        questions.append(asked_of(rng.choice(asked_there).format(n=absent), NOWHERE, "other value"))
    title = {"en": ["Conditions", "Price list", "Terms"], "zh": ["条件", "价目表", "条款"]}[lang]
    return of_sentences("tiers", lang, test, rng.choice(title), text, questions, claims)


def lists_document(listing: dict, lang: str, rng: random.Random) -> dict:
    """Enumerations: all items are the answer."""
    statements, asked, one, source = listing[lang]
    test = bool(listing.get("test"))
    pool = "kit" if "{e} kit" in statements[0] or "套装" in statements[0] else "procedure" if test else "project"
    owners = []
    while len(owners) < 3:
        owner = name("project", lang, rng, test) if pool == "project" else pick(rng, pool, lang, test)
        if owner not in owners:
            owners.append(owner)
    absent = owners.pop()
    text, questions, claims = Text(), [], []
    everything = series("person", lang, rng, test, 12) if source == "person" else list(source)
    rng.shuffle(everything)
    lines = rng.random() < 0.4
    for place, owner in enumerate(owners[: rng.randint(1, 2)]):
        count = rng.randint(2, 5)
        items = everything[place * 5 : place * 5 + count]
        others = [x for x in everything if x not in items]
        question = fill(rng.choice(asked), lang, e=owner)
        if lines:
            head = statements[0].split("{v}")[0]
            text.add(capital(head.format(e=owner), lang).rstrip() + (":\n" if lang == "en" else "：\n"))
            start = text.length
            text.add("\n".join(f"- {item}" for item in items))
            stop = text.length
            text.add("\n")
        else:
            joined = (
                (", ".join(items[:-1]) + " and " + items[-1])
                if lang == "en"
                else "、".join(items[:-1]) + rng.choice(["和", "、", "以及"]) + items[-1]
            )
            at = text.length
            start, stop = text.add_template(rng.choice(statements), e=owner, v=joined)["v"]
            whole = str(text)
            text.parts = [whole[:at] + capital(whole[at:], lang)]
            text.add(" " if lang == "en" else "")
        questions.append(asked_of(question, (start, stop), "gold"))
        for item, says in [
            (rng.choice(items), 1),
            (rng.choice(items), 1),
            *([(rng.choice(others), 0)] * 2 if others else []),
        ]:
            claims.append(
                told(
                    rng.choice(["", question]),
                    fill(one, lang, e=owner, x=item),
                    says,
                    (start, stop),
                    "right" if says else "neighbour",
                )
            )
    questions.append(asked_of(fill(rng.choice(asked), lang, e=absent), NOWHERE, "other subject"))
    claims.append(told("", fill(one, lang, e=absent, x=everything[0]), 0, NOWHERE, "other subject"))
    title = {"en": ["Contents", "Checklist", "Overview"], "zh": ["清单", "一览", "说明"]}[lang]
    return of_sentences("lists", lang, test, rng.choice(title), text, questions, claims)


def clauses_document(clause: dict, lang: str, rng: random.Random) -> dict:
    """Clauses side by side that concern different matters, so that a number says nothing without its matter."""
    test = bool(clause.get("test"))
    chosen = [
        clause,
        *rng.sample([c for c in CLAUSES if bool(c.get("test")) == test and c is not clause], rng.randint(2, 5)),
    ]
    absent = [chosen.pop() for _ in range(rng.randint(1, min(2, len(chosen) - 1)))]
    rng.shuffle(chosen)
    text, questions, claims = Text(), [], []
    values: list[Value] = []
    shared = rng.choice([*TIMES, ""])
    for kind in (one_time(c[lang][0], shared) for c in chosen):
        value = Value(kind, lang, rng, test)
        while any(set(value.forms) & set(v.forms) for v in values):
            value = Value(kind, lang, rng, test)
        values.append(value)
    numbered, end = rng.random() < 0.3, rng.choice([" " if lang == "en" else "", "\n"])
    for place, (entry, value) in enumerate(zip(chosen, values, strict=True)):
        _, statements, asked, label = entry[lang]
        if numbered:
            text.add(f"{place + 1}. ")
        elif rng.random() < 0.15:
            text.add(rng.choice(FILLERS[lang]) + end)
        used = rng.randrange(len(statements))
        start, stop = text.add_template(statements[used], v=value.text)["v"]
        text.add("\n" if numbered else end)
        question = rng.choice(asked) if rng.random() < 0.8 else typed(label, lang, rng)
        statement = rng.choice([s for n, s in enumerate(statements) if n != used] or statements)
        questions.append(asked_of(question, (start, stop), "gold"))
        claims.append(
            told(rng.choice(["", question]), fill(statement, lang, v=value.other_form(rng)), 1, (start, stop), "right")
        )
        claims.append(
            told(question, rng.choice(SHORT[lang]).format(v=value.other_form(rng)), 1, (start, stop), "right")
        )
        if rng.random() < 0.5:
            _, _, asked_there, label_there = entry[other(lang)]
            across = rng.choice([*asked_there, typed(label_there, other(lang), rng)])
            questions.append(asked_of(across, (start, stop), "gold"))
            claims += told_across(across, value, [v for v in values if v is not value], (start, stop), rng)
        for one, kind in [
            *((v, "neighbour") for v in values if v is not value),
            (value.different(rng), "other value"),
        ]:
            if rng.random() < 0.4 and not set(one.forms) & set(value.forms):
                wrong = one.other_form(rng)
                short = rng.random() < 0.5
                claims.append(
                    told(
                        question if short else "",
                        rng.choice(SHORT[lang]).format(v=wrong)
                        if short
                        else fill(rng.choice(statements), lang, v=wrong),
                        0,
                        (start, stop),
                        kind,
                    )
                )
    for entry in absent:
        for asked_in in (lang, other(lang)):
            _, _, asked, label = entry[asked_in]
            asked_for = rng.choice([*asked, typed(label, asked_in, rng)])
            questions.append(asked_of(asked_for, NOWHERE, "not told"))
        claims.append(
            told("", fill(rng.choice(entry[lang][1]), lang, v=rng.choice(values).text), 0, NOWHERE, "not told")
        )
    headings = rng.choice(["", *HEADINGS[lang]])
    title = {
        "en": ["Rules of the house", "Agreement", "handbook.docx", "Customer service"],
        "zh": ["管理制度", "协议", "手册.docx", "客户服务"],
    }[lang]
    return of_sentences("clauses", lang, test, rng.choice(title), text, questions, claims, headings)


MAKERS = [
    (facts_document, DOMAINS, 0.46),
    (clauses_document, CLAUSES, 0.15),
    (relations_document, RELATIONS, 0.18),
    (rules_document, RULES, 0.08),
    (aims_document, AIMS, 0.05),
    (tiers_document, TIERS, 0.05),
    (lists_document, LISTS, 0.05),
]


def make(seed: int, count: int) -> list[dict]:
    """`count` documents, half of them Chinese."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        maker, choices, _ = rng.choices(MAKERS, weights=[m[2] for m in MAKERS])[0]
        document = maker(rng.choice(choices), ("zh", "en")[number % 2], rng)
        for row in (*document["questions"], *document["claims"]):
            assert row["start"] < row["end"] <= len(document["text"]) or row["start"] == -1, (document["domain"], row)
        found.append(document)
    return found


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--count", type=int, default=6000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    with given.out.open("w", encoding="utf-8") as out:
        for document in make(given.seed, given.count):
            out.write(json.dumps(document, ensure_ascii=False) + "\n")
