"""How much of a text an embedder can read, from what was measured for each script it is written in.

Knows Unicode and measured numbers, no model and no list of languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

# Part numbers and versions ("RX-7800", "v2.1b"): an embedder sees their pieces, keyword search the whole.
_CODE = re.compile(r"(?=[A-Za-z0-9./_-]*\d)(?=[A-Za-z0-9./_-]*[A-Za-z])[A-Za-z0-9]+(?:[-._/][A-Za-z0-9]+)*")


def readable_share(text: str, abilities: Mapping[str, float]) -> float:
    """Share of the text's letters that the embedder can read, 0..1.

    `abilities` says for each script how well the embedder finds texts of it, 1 being as well as keyword
    search does; a script that was never measured counts as unreadable, and so do codes such as "RX-7800".
    """
    everything = sum(scripts(text).values())
    outside_codes = scripts(_CODE.sub(" ", text))
    readable = sum(count * abilities.get(script, 0.0) for script, count in outside_codes.items())
    return readable / everything if everything else 0.0


def scripts(text: str) -> Counter[str]:
    """How many letters of each script the text has: {"LATIN": 12, "CJK": 3}."""
    return Counter(script_of(character) for character in text if character.isalpha())


@lru_cache(maxsize=10_000)
def script_of(character: str) -> str:
    """The first word of the character's Unicode name, which names its script."""
    return unicodedata.name(character, "UNKNOWN").split(" ")[0].split("-")[0]
