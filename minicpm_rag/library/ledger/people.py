"""Who may do what: users who signed in, what knowledge bases grant them, tokens of the API, and what was done by whom.

What everyone may do with a knowledge base is a column of its row; what persons and groups may do is a row of `grants`.
Rows of `audit` are only ever added.
"""

from __future__ import annotations

import hashlib

from minicpm_rag.library.ledger import now
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.records import LEVELS, AuditLine, Grant, KnownUser, Level, User


def level(connection: Connection, kb_id: int, user: User) -> Level | None:
    """The most that a user may do with a knowledge base; None where it is hidden from them."""
    return levels(connection, user, kb_id).get(kb_id)


def levels(connection: Connection, user: User, kb_id: int | None = None) -> dict[int, Level]:
    """What a user may do with each knowledge base that is not hidden from them, by its row id; or with one."""
    one = "" if kb_id is None else f" WHERE id = {int(kb_id)}"
    found: dict[int, list[str]] = {
        row["id"]: [row["everyone"]] for row in connection.execute(f"SELECT id, everyone FROM knowledge_bases{one}")
    }
    one = "" if kb_id is None else f" WHERE kb_id = {int(kb_id)}"
    for row in connection.execute(f"SELECT kb_id, kind, name, level FROM grants{one}"):
        if row["name"] in (user.names if row["kind"] == "user" else user.groups) and row["kb_id"] in found:
            found[row["kb_id"]].append(row["level"])
    highest = {
        number: max(LEVELS.index(one) if one in LEVELS else -1 for one in held)  # type: ignore[arg-type]
        for number, held in found.items()
    }
    return {number: LEVELS[place] for number, place in highest.items() if place >= 0}


def make_private(connection: Connection, kb_id: int, user_id: str) -> None:
    """Let nobody but its maker see a knowledge base."""
    set_everyone(connection, kb_id, None)
    grant(connection, kb_id, Grant("user", user_id, "manage"))


def everyone(connection: Connection, kb_id: int) -> Level | None:
    """What everyone who signed in may do with a knowledge base."""
    found = connection.execute("SELECT everyone FROM knowledge_bases WHERE id = ?", (kb_id,)).fetchone()[0]
    return found if found in LEVELS else None


def set_everyone(connection: Connection, kb_id: int, to: Level | None) -> None:
    """Change what everyone who signed in may do with a knowledge base."""
    connection.execute("UPDATE knowledge_bases SET everyone = ? WHERE id = ?", (to or "", kb_id))


def grants(connection: Connection, kb_id: int) -> list[Grant]:
    """What persons and groups may do with a knowledge base."""
    rows = connection.execute("SELECT kind, name, level FROM grants WHERE kb_id = ? ORDER BY kind, name", (kb_id,))
    return [Grant(*row) for row in rows]


def grant(connection: Connection, kb_id: int, given: Grant) -> None:
    """Let a person or group do so much with a knowledge base, no more and no less."""
    revoke(connection, kb_id, given.kind, given.name)
    connection.execute(
        "INSERT INTO grants(kb_id, kind, name, level) VALUES (?, ?, ?, ?)",
        (kb_id, given.kind, given.name, given.level),
    )


def revoke(connection: Connection, kb_id: int, kind: str, name: str) -> None:
    """Take from a person or group what they were granted."""
    connection.execute("DELETE FROM grants WHERE kb_id = ? AND kind = ? AND name = ?", (kb_id, kind, name))


def knowledge_bases_of_indexes(connection: Connection) -> dict[int, int]:
    """The row id of the knowledge base of each index."""
    return {row["id"]: row["kb_id"] for row in connection.execute("SELECT id, kb_id FROM indexes")}


# Users and tokens
def sign_in(connection: Connection, user: User) -> None:
    """Record that a user is here."""
    connection.execute(
        "INSERT INTO users(user_id, shown, groups_shown, seen_at) VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE "
        "SET shown = excluded.shown, groups_shown = excluded.groups_shown, seen_at = excluded.seen_at",
        (user.id, user.shown, "\n".join(sorted(user.groups)), now()),
    )


def users(connection: Connection) -> list[KnownUser]:
    """Who has signed in, the last first."""
    rows = connection.execute("SELECT shown, groups_shown, seen_at FROM users ORDER BY seen_at DESC, shown")
    return [KnownUser(row["shown"], row["groups_shown"].replace("\n", ", "), row["seen_at"]) for row in rows]


def shown(connection: Connection, user_id: str) -> str:
    """How a user is shown; the name itself for one who has not signed in."""
    row = connection.execute("SELECT shown FROM users WHERE user_id = ?", (user_id,)).fetchone()
    return user_id if row is None else str(row[0])


def add_token(connection: Connection, token: str, name: str) -> None:
    """Let a token of the API act for a user. Only its hash is kept."""
    connection.execute("INSERT INTO api_tokens(sha256, name, made_at) VALUES (?, ?, ?)", (_hash(token), name, now()))


def user_of_token(connection: Connection, token: str) -> User | None:
    """The user for whom a token acts, in the groups of their last sign-in; None where it is no such token."""
    row = connection.execute("SELECT name FROM api_tokens WHERE sha256 = ?", (_hash(token),)).fetchone()
    return None if row is None else user_shown_as(connection, str(row["name"]))


def user_shown_as(connection: Connection, name: str) -> User:
    """A user by the name they are shown under, in the groups of their last sign-in."""
    signed_in = connection.execute(
        "SELECT user_id, groups_shown FROM users WHERE shown = ? ORDER BY seen_at DESC", (name,)
    ).fetchone()
    if signed_in is None:
        return User(name, frozenset({name}), frozenset(), name)
    groups = frozenset(filter(None, signed_in["groups_shown"].split("\n")))
    return User(signed_in["user_id"], frozenset({signed_in["user_id"], name}), groups, name)


def drop_tokens(connection: Connection, name: str) -> int:
    """End all tokens of a user; returns how many there were."""
    (count,) = connection.execute("SELECT count(*) FROM api_tokens WHERE name = ?", (name,)).fetchone()
    connection.execute("DELETE FROM api_tokens WHERE name = ?", (name,))
    return int(count)


# What was done
def note(connection: Connection, user: User | None, action: str, knowledge_base: str = "", detail: str = "") -> None:
    """Add a line about what a user did; nothing where nobody signed in, as in a library of one person."""
    if user is not None:
        connection.execute(
            "INSERT INTO audit(at, user_shown, action, knowledge_base, detail) VALUES (?, ?, ?, ?, ?)",
            (now(), user.shown, action, knowledge_base, detail),
        )


def audit(connection: Connection, limit: int) -> list[AuditLine]:
    """The last lines, newest first."""
    rows = connection.execute(
        "SELECT at, user_shown, action, knowledge_base, detail FROM audit ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [AuditLine(*row) for row in rows]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
