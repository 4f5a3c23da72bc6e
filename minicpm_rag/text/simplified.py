"""Traditional Chinese written as Simplified, one character for one.

The only place that knows OpenCC's data file; its code, which would change offsets with its phrases, is not used.
"""

from __future__ import annotations

from functools import cache


def to_simplified(text: str) -> str:
    """Write Traditional characters as Simplified ones, one for one, so that offsets stay true."""
    return text.translate(_table())


@cache
def _table() -> dict[int, str]:
    """Code point -> character. OpenCC's phrases only choose between characters that documents and questions share."""
    from importlib.resources import files

    lines = (files("opencc") / "dictionary" / "TSCharacters.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if "\t" in line)
    return {ord(source): targets.split(" ")[0] for source, targets in pairs if len(source) == 1}
