"""Whether users have to log in: by the [auth] section of Streamlit's secrets files.

A mistake never opens the page: a file that cannot be read closes it, and once an [auth] section was seen the page
stays closed until the program is started again without one. Streamlit itself reports a broken file as an absent one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from minicpm_rag.messages import Message, reason_of
from minicpm_rag.page import streamlit_private
from minicpm_rag.records import User
from minicpm_rag.settings import Settings


@dataclass(frozen=True)
class Door:
    """Whether a login is needed, and what is wrong with the files that say so."""

    needs_login: bool
    problem: Message | None = None


_auth_was_seen = False


def door() -> Door:
    """Read the secrets files as they are now."""
    global _auth_was_seen
    found: Mapping[str, Any] | None = None
    for file in _files():
        try:
            stamp = file.stat().st_mtime_ns
        except FileNotFoundError:
            continue
        except OSError as exc:
            return Door(True, Message("door.unreadable", file=file, why=reason_of(exc)))
        try:
            content = _content(file, stamp)
        except OSError as exc:
            return Door(True, Message("door.unreadable", file=file, why=reason_of(exc)))
        except ValueError as exc:  # broken TOML or text that is not UTF-8; the parser names the line
            return Door(True, Message("door.broken", file=file, why=reason_of(exc)))
        found = content.get("auth", found)
    if found is None:
        found = _given_by_program()
    if found is None:
        return Door(_auth_was_seen, Message("door.gone") if _auth_was_seen else None)
    _auth_was_seen = True
    return Door(True)


def admits(cookies: str) -> bool:
    """Whether the cookies of a request are those of a user who logged in, where that is needed."""
    current = door()
    if not current.needs_login:
        return True
    return current.problem is None and streamlit_private.login_cookie_is_valid(cookies)


def user_id(claims: Mapping[str, Any]) -> str | None:
    """A name for the user whom the provider described that no other has; None where it named nobody."""
    subject = claims.get("sub") or claims.get("email")
    return f"login:{claims.get('iss', '')}:{subject}" if subject else None


def user_of(claims: Mapping[str, Any], settings: Settings) -> User:
    """The user whom the provider described. Raises ValueError where it named nobody.

    An e-mail address counts unless the provider says that nobody verified it.
    """
    identity = user_id(claims)
    if identity is None:
        raise ValueError("a login without a subject")
    subject = str(claims.get("sub") or "").lower()
    email = "" if claims.get("email_verified") is False else str(claims.get("email") or "").lower()
    given = claims.get(settings.groups_claim) or ()
    groups = [given] if isinstance(given, str) else given
    names = frozenset({identity, subject, email} - {""})
    return User(
        identity, names, frozenset(map(str, groups)), email or subject,
        is_administrator=bool(names & set(settings.administrators)),
    )  # fmt: skip


def _files() -> list[Path]:
    import streamlit as st

    return [Path(file) for file in st.get_option("secrets.files")]


def _given_by_program() -> Mapping[str, Any] | None:
    """The [auth] section of secrets that came with `streamlit.App(secrets=...)` or another source than a file."""
    import streamlit as st

    if streamlit_private.has_secrets() and "auth" in st.secrets:
        section: Mapping[str, Any] = st.secrets["auth"]
        return section
    return None


@lru_cache(maxsize=8)
def _content(file: Path, _modified: int) -> Mapping[str, Any]:
    return read_toml(file)


def read_toml(file: Path) -> Mapping[str, Any]:
    """A TOML file's content. Raises ValueError naming the line where it has a mistake."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    return tomllib.loads(file.read_text(encoding="utf-8"))
