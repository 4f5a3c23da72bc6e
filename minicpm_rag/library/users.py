"""Who may do what in the library: sharing, users, their tokens for the API, and the audit. A part of `Library`.

What a user may not do with a knowledge base `Users.find` refuses; the same for documents and chunks is in `access`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from minicpm_rag.errors import AccessError, LibraryError
from minicpm_rag.library import access
from minicpm_rag.library.ledger import people
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.records import LEVELS, AuditLine, Grant, KnownUser, Level, Sharing, User

if TYPE_CHECKING:
    from minicpm_rag.library.ledger import Ledger


class Users:
    """What a library knows of those who use it."""

    ledger: Ledger
    user: User | None  # who asks; None may everything

    def find(self, connection: Connection, knowledge_base: str, need: Level = "read") -> int:
        """The row id of a knowledge base on which the user has the level `need`. Raises NotFoundError, AccessError."""
        noted, key = self.ledger.noted(connection), ("find", knowledge_base, self.user, need)
        if key not in noted:
            noted[key] = access.find(connection, knowledge_base, self.user, need)
        return int(noted[key])

    def note(self, connection: Connection, action: str, knowledge_base: str = "", detail: str = "") -> None:
        """Add a line to the audit, where a user signed in."""
        people.note(connection, self.user, action, knowledge_base, detail)

    def level(self, knowledge_base: str) -> Level:
        """What the user may do with a knowledge base. Raises NotFoundError."""
        with self.ledger.reading() as connection:
            kb_id = self.find(connection, knowledge_base)
            return "manage" if self.user is None else people.level(connection, kb_id, self.user) or "read"

    def sharing(self, knowledge_base: str) -> Sharing:
        """Who may do what with a knowledge base; for those who manage it. Raises NotFoundError, AccessError."""
        with self.ledger.reading() as connection:
            kb_id = self.find(connection, knowledge_base, "manage")
            return Sharing(people.everyone(connection, kb_id), tuple(people.grants(connection, kb_id)))

    def share(
        self, knowledge_base: str, kind: Literal["everyone", "user", "group"], name: str, level: Level | None
    ) -> None:
        """Let everyone, a person or a group do so much with a knowledge base, or with None nothing.

        Raises AccessError, and LibraryError for an unknown right or where nobody would be left who manages it.
        """
        wanted = name.strip() if kind == "group" else name.strip().lower()
        if kind != "everyone" and (not wanted or len(wanted) > 200 or not wanted.isprintable()):
            raise LibraryError("library.unusable_grantee", name=name)
        if level is not None and level not in LEVELS:
            raise LibraryError("library.unknown_level", level=level, known=", ".join(LEVELS))
        with self.ledger.writing() as connection:
            kb_id = self.find(connection, knowledge_base, "manage")
            if kind == "everyone":
                people.set_everyone(connection, kb_id, level)
            else:
                # The maker's own grant is by an id as the provider writes it.
                known = {one.name.lower(): one.name for one in people.grants(connection, kb_id) if one.kind == kind}
                wanted = known.get(wanted, wanted) if kind == "user" else wanted
                people.revoke(connection, kb_id, kind, wanted)
                if level is not None:
                    people.grant(connection, kb_id, Grant(kind, wanted, level))
            managed = [one for one in people.grants(connection, kb_id) if one.level == "manage"]
            if not managed and people.everyone(connection, kb_id) != "manage":
                raise LibraryError("library.last_manager", name=knowledge_base)
            self.note(connection, "share", knowledge_base, f"{kind} {wanted}: {level or '-'}".replace(" :", ":"))

    def sign_in(self) -> None:
        """Record that the user is here."""
        if self.user is not None:
            with self.ledger.writing() as connection:
                people.sign_in(connection, self.user)
                self.note(connection, "sign in", detail=", ".join(sorted(self.user.groups)))

    def user_of_token(self, token: str) -> User | None:
        """The user for whom a token of the API acts; None where it is no such token."""
        with self.ledger.reading() as connection:
            return people.user_of_token(connection, token)

    def user_shown_as(self, name: str) -> User:
        """A user by the name they are shown under, in the groups of their last sign-in."""
        with self.ledger.reading() as connection:
            return people.user_shown_as(connection, name)

    def add_token(self, token: str, user: str) -> None:
        """Let a token of the API act for a user, named as they are shown. For administrators."""
        self._administer()
        with self.ledger.writing() as connection:
            people.add_token(connection, token, user.strip().lower())

    def drop_tokens(self, user: str) -> int:
        """End all tokens of a user; returns how many there were. For administrators."""
        self._administer()
        with self.ledger.writing() as connection:
            return people.drop_tokens(connection, user.strip().lower())

    def users(self) -> list[KnownUser]:
        """Who has signed in, the last first. For administrators."""
        self._administer()
        with self.ledger.reading() as connection:
            return people.users(connection)

    def audit(self, limit: int = 100) -> list[AuditLine]:
        """What was done by whom, the last first. For administrators."""
        self._administer()
        with self.ledger.reading() as connection:
            return people.audit(connection, limit)

    def shown(self, user: str) -> str:
        """How a person to whom something was granted is shown."""
        with self.ledger.reading() as connection:
            return people.shown(connection, user)

    def _administer(self) -> None:
        if self.user is not None and not self.user.is_administrator:
            raise AccessError("library.not_administrator")

    def _visible(self, chunk_ids: Sequence[str]) -> list[str]:
        if self.user is None:
            return list(chunk_ids)
        with self.ledger.reading() as connection:
            return access.visible_chunks(connection, chunk_ids, self.user)
