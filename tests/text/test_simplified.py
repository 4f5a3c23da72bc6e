from __future__ import annotations

import re
from importlib.resources import files

from minicpm_rag.text.scripts import is_han
from minicpm_rag.text.simplified import to_simplified


def test_offsets_stay_true() -> None:
    text = "臺灣的電腦，software 與「著作權」"
    assert to_simplified(text) == "台湾的电脑，software 与「著作权」"
    assert len(to_simplified(text)) == len(text)


def test_canary_opencc_still_has_a_file_of_single_characters() -> None:
    """Fails where opencc-python-reimplemented moved or changed the file that `text.simplified` reads."""
    file = files("opencc") / "dictionary" / "TSCharacters.txt"
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) > 3000
    odd = [line for line in lines if not re.fullmatch(r"\S+\t\S+(?: \S+)*\s*", line)]
    assert odd == [], "not 'Traditional<tab>Simplified other ...' any more"
    assert all(is_han(character) for line in lines for character in line.split("\t")[0])
