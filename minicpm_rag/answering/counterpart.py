"""English follow-ups that ask the last question about something else: its subject, object, place or time is exchanged.

"How much do students pay?" "And seniors?" gives "How much do seniors pay?"; "Why?" asks for the reason of what was
asked before. Plain patterns on short questions; knows no documents.
"""

from __future__ import annotations

import re

from minicpm_rag.text.numerals import ENGLISH_NUMBER

LONGEST = 200  # characters of a question before; the patterns are quadratic
_ASKS = r"(?:how(?: \w+)?|what|which|when|where|why|who)\b"
_DOES = r"(?:do|does|did|can|could|may|must|should|will|would)"
_IS = r"(?:is|are|was|were|has|have|had)"
_VERB = (
    r"(?:pay|cost|get|need|have|take|earn|work|weigh|last|open|close|start|begin|end|finish|use|receive|owe|hold"
    r"|contain|cover|include|expire|run|leave|arrive|charge|own|offer|sell|wear|belong|become|apply|meet|happen)"
)
_PERSON = r"(?:i|we|you|they|one)"
_PREPOSITION = r"(?:on|in|at|for|with|to|from|by|before|after|during|without|about|under|over)"
# "How many days of leave do interns get?"
_SUBJECT = re.compile(
    rf"(?P<before>(?:{_ASKS}[^?]*? )?{_DOES} )(?!{_PERSON} )(?P<thing>[\w'’ -]{{2,40}}?)(?P<after> {_VERB}(?: [^?]*)?)",
    re.IGNORECASE,
)
# "Who is the chair?"
_IDENTITY = re.compile(
    rf"(?P<before>(?:who|what|when|where|how (?:much|many|long|old|far|big|high|heavy)) {_IS} )"
    rf"(?P<thing>[\w'’-]+(?: [\w'’-]+){{0,3}})",
    re.IGNORECASE,
)
# "Do you repair bicycles?"
_OBJECT = re.compile(
    rf"(?P<before>(?:{_ASKS}[^?]*? )?{_DOES} {_PERSON} \w+ )(?P<thing>[\w'’-]+(?: [\w'’-]+){{0,3}})", re.IGNORECASE
)
_PLACED = re.compile(rf"(?P<preposition>{_PREPOSITION}|of)\b .+", re.IGNORECASE)
_HAS_PREPOSITION = re.compile(rf"\b(?:{_PREPOSITION}|of)\b", re.IGNORECASE)
_LENGTH = re.compile(
    rf"\b(?:\d+|{ENGLISH_NUMBER}|one|half(?: an?)?)[ -]"
    r"(?:minutes?|hours?|days?|nights?|weeks?|months?|years?)\b",
    re.IGNORECASE,
)
# "for half a day" takes the place of no "for a child".
_TIME = re.compile(r"\b(?:minutes?|hours?|days?|nights?|weeks?|weekends?|months?|years?)$", re.IGNORECASE)
_WHICH = re.compile(
    rf"(?:which|what) (?P<thing>[\w'’-]+(?: [\w'’-]+){{0,3}}?) (?P<is>{_IS}|{_DOES}) (?P<rest>[^?]+)", re.IGNORECASE
)
_WHETHER = re.compile(rf"(?:{_IS}|{_DOES}) [^?]+", re.IGNORECASE)


def asked_of(thing: str, before: str) -> str:
    """The question before, asked of another thing; empty where it is not clear what is to be exchanged."""
    plain = before.strip().rstrip("?.! ")
    if len(plain) > LONGEST:
        return ""
    if placed := _PLACED.fullmatch(thing):
        # "on Thursday" takes the place of "on Friday", or is added where nothing like it was said.
        lengths = list(_LENGTH.finditer(plain))
        length = thing.partition(" ")[2]
        if len(lengths) == 1 and placed["preposition"].lower() == "for" and _LENGTH.fullmatch(length):
            return f"{plain[: lengths[0].start()]}{length}{plain[lengths[0].end() :]}?"
        place = plain.lower().rfind(f" {placed['preposition'].lower()} ")
        if place >= 0:
            is_other = (_TIME.search(thing) is None) != (_TIME.search(plain[place:]) is None)
            if is_other and placed["preposition"].lower() == "for":
                return ""
            return f"{plain[:place]} {thing}?"
        return f"{plain} {thing}?" if _HAS_PREPOSITION.search(plain) is None else ""
    if (found := _SUBJECT.fullmatch(plain)) and _HAS_PREPOSITION.search(found["after"]) is None:
        return f"{found['before']}{thing}{found['after']}?"
    found = _IDENTITY.fullmatch(plain) or _OBJECT.fullmatch(plain)
    if found and _HAS_PREPOSITION.search(found["thing"]) is None:
        return f"{found['before']}{thing}?"
    return ""


def begins_with_preposition(text: str) -> bool:
    """Whether a time, a place or a purpose is named, and no thing: "on Sundays", "for a week"."""
    return _PLACED.match(text) is not None


def reason_of(before: str) -> str:
    """The question for the reason of what was asked: "Which offer was chosen?" "Why?"; empty where it has none."""
    plain = before.strip().rstrip("?.! ")
    if len(plain) > LONGEST:
        return ""
    if found := _WHICH.fullmatch(plain):
        return f"Why {found['is'].lower()} the {found['thing']} {found['rest']}?"
    return f"Why {plain[0].lower()}{plain[1:]}?" if _WHETHER.fullmatch(plain) else ""
