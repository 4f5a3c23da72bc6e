from __future__ import annotations

import re

import pytest

from minicpm_rag.page.html import formulas, markup


def shown(formula: str) -> str:
    """The formula without its wrapping."""
    html = formulas.drawn(formula, display=False)
    return html.removeprefix('<span class="rag-formula">').removesuffix("</span>")


def test_fractions_powers_roots_and_greek_letters_are_drawn() -> None:
    assert shown("E = mc^2") == "<i>E</i> = <i>m</i><i>c</i><sup>2</sup>"
    assert shown(r"\alpha_{i+1}") == "α<sub><i>i</i> + 1</sub>"
    assert shown(r"\frac{a}{2}") == '<span class="rag-fraction"><span><i>a</i></span><span>2</span></span>'
    assert shown(r"\sqrt{x} \le 35\,\text{µg}") == '√<span class="rag-root"><i>x</i></span>≤35\u2009µg'
    assert shown(r"\Lambda\lambda") == "Λλ"


@pytest.mark.parametrize("formula", [r"\unknown{x}", r"\frac{1", "}", "{" * 500, r"\text", r"\href{javascript:x}{y}"])
def test_what_is_not_known_stays_as_it_was_typed(formula: str) -> None:
    assert formulas.drawn(formula, display=False) == f"<code>{formula}</code>"


def test_formulas_of_an_answer_are_drawn_and_prices_are_none() -> None:
    drawn = markup.answer(
        r"Mass: $E=mc^2$, \(x_1\) and $$\frac{a}{b}$$ cost $5 or $6. [1]", exchange=1, cited={1: "one"}
    )
    assert drawn.count("rag-formula") == 3 and "cost $5 or $6." in drawn and 'data-mark="1:1"' in drawn
    letters = markup.answer("Here $P$ is owed, and A$ or US$ are not letters of it.", exchange=1, cited={})
    assert letters.count("rag-formula") == 1 and "A$ or US$ are" in letters
    assert "`$x^2$`" not in drawn and "<code>$x^2$</code>" in markup.answer("`$x^2$`", exchange=1, cited={})


def test_an_unsupported_formula_is_marked_and_nothing_in_one_can_act() -> None:
    text = r"So $x^2$ it is."
    drawn = markup.answer(text, exchange=1, cited={}, unsupported=[(0, len(text))], unsupported_hint="?")
    assert drawn.count("rag-unsupported") == 3 and "rag-formula" in drawn
    hostile = markup.answer(r"$x^2 <script>alert(1)</script> \text{<img src=x onerror=y>}$", exchange=1, cited={})
    assert set(re.findall(r"<(\w+)", hostile)) <= {"div", "p", "span", "i", "sup"}
