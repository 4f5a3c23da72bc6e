"""What administrators see where a login is set up: jobs, storage, users, and who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.page.language import t
from minicpm_rag.text.sizes import file_size

if TYPE_CHECKING:
    from minicpm_rag.workspace import Workspace

LINES = 200  # of the audit


def draw(workspace: Workspace) -> None:
    """Draw it, folded."""
    from minicpm_rag import indexing

    library = workspace.library
    with st.expander(t("administration"), icon=":material/admin_panel_settings:"):
        waiting = len(indexing.jobs_under_way(library.seen_by(None), set()))
        size = sum(path.stat().st_size for path in library.home.rglob("*") if path.is_file())
        st.markdown(t("storage", size=file_size(size), jobs=waiting))
        columns = (t("audit_user"), t("audit_groups"), t("audit_at"))
        people = [(one.user, one.groups, one.seen_at) for one in library.users()]
        st.dataframe([dict(zip(columns, row, strict=True)) for row in people], hide_index=True, key="users")
        named = (t("audit_at"), t("audit_user"), t("audit_action"), t("audit_base"), t("audit_detail"))
        lines = [(one.at, one.user, one.action, one.knowledge_base, one.detail) for one in library.audit(LINES)]
        st.dataframe([dict(zip(named, line, strict=True)) for line in lines], hide_index=True, key="audit")
