"""How much of a text an embedder can read, from what was measured for each script it is written in.

Knows measured numbers, no model and no list of languages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from minicpm_rag.text.scripts import letters_by_script

# Part numbers and versions ("RX-7800", "v2.1b"): an embedder sees their pieces, keyword search the whole.
_CODE = re.compile(r"(?=[A-Za-z0-9./_-]*\d)(?=[A-Za-z0-9./_-]*[A-Za-z])[A-Za-z0-9]+(?:[-._/][A-Za-z0-9]+)*")


def readable_share(text: str, abilities: Mapping[str, float]) -> float:
    """Share of the text's letters that the embedder can read, 0..1.

    `abilities` says for each script how well the embedder finds texts of it, 1 being as well as keyword
    search does; a script that was never measured counts as unreadable, and so do codes such as "RX-7800".
    """
    everything = sum(letters_by_script(text).values())
    outside_codes = letters_by_script(_CODE.sub(" ", text))
    readable = sum(count * abilities.get(script, 0.0) for script, count in outside_codes.items())
    return readable / everything if everything else 0.0
