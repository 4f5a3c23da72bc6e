"""What every route needs of the server: the workspace, and the key that signs links. And the caller's language."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import Request

from minicpm_rag.api.links import Links
from minicpm_rag.api.metrics import Metrics
from minicpm_rag.messages import Language, guess_language
from minicpm_rag.workspace import Workspace


@dataclass(frozen=True)
class Context:
    """What the routes share."""

    workspace: Workspace
    links: Links
    most_upload_bytes: int
    metrics: Metrics


def context_of(request: Request) -> Context:
    """The context of the application that got the request, with the library as the token's user may see it."""
    context: Context = request.app.state.context
    user = getattr(request.state, "user", None)
    return context if user is None else replace(context, workspace=context.workspace.seen_by(user))


def language_of(request: Request) -> Language:
    """The caller's language, by Accept-Language."""
    return guess_language(request.headers.get("accept-language"))
