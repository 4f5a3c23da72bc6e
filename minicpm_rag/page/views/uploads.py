"""Dropping files or a folder, and watching them being read.

It does not read files: the worker does, in the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message
from minicpm_rag.page import shared, state, streamlit_private
from minicpm_rag.page.background import jobs
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import said, t
from minicpm_rag.page.views import documents, knowledge, notices
from minicpm_rag.page.views.callbacks import attempt
from minicpm_rag.records import Verdict

if TYPE_CHECKING:
    from minicpm_rag.page.background.jobs import Job
    from minicpm_rag.page.streamlit_private import UploadedFile
    from minicpm_rag.workspace import Workspace

BUSY_SECONDS = 0.7  # how often the progress of jobs is drawn
IDLE_SECONDS = 5.0  # how often jobs of other processes are looked for
MOST_SHOWN = 12  # files of a job whose results are shown without unfolding
TONES = {"failed": "bad", "skipped": "warn"}


def drop(workspace: Workspace) -> None:
    """Draw the place to drop files on; what is dropped is read at once."""
    as_folder = st.session_state.get("drop-folder", False)
    limit = shared.settings().upload_megabytes
    streamlit_private.take_uploads_of(limit)
    key = f"upload-{st.session_state.get('upload_turn', 0)}-{as_folder}"
    # Taken in a callback: a user who drops files and changes the view at once sends both in one message. Streamlit
    # runs callbacks first; code after this widget would never see the files, as the library is not drawn again.
    st.file_uploader(
        t("upload_label"),
        accept_multiple_files="directory" if as_folder else True,
        key=key,
        max_upload_size=limit,
        label_visibility="collapsed",
        on_change=_take,
        args=(workspace, key),
    )
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"):
        notices.quiet(t("upload_limit", megabytes=limit))
        st.toggle(t("upload_folder"), key="drop-folder")
    for sentence in (*st.session_state.get("upload_refused", ()), *st.session_state.get("upload_errors", ())):
        notices.bad(sentence)


def refuse(names: list[str]) -> None:
    """Remember files that the uploader did not take."""
    limit = shared.settings().upload_megabytes
    st.session_state.upload_errors = []
    st.session_state.upload_refused = [t("upload_too_large", name=name, megabytes=limit) for name in names]


@attempt
def _take(workspace: Workspace, key: str) -> None:
    files: list[UploadedFile] = st.session_state.get(key) or []
    if not files:
        return
    # A new key empties the uploader, and with it the server's memory of the files.
    st.session_state.upload_turn = st.session_state.get("upload_turn", 0) + 1
    errors = st.session_state.get("upload_refused", [])
    st.session_state.upload_refused = []
    st.session_state.upload_errors = [*errors, *_hand_over(workspace, files)]


def _hand_over(workspace: Workspace, files: list[UploadedFile]) -> list[Message | str]:
    """Keep the files and have them read; says which could not be."""
    sources, errors = keep(workspace, files)
    try:
        if sources:
            jobs.ingest(workspace.library, state.knowledge_base(), sources)
    except RAGError as error:
        errors.append(error.message)
    return errors


def keep(workspace: Workspace, files: Sequence[UploadedFile]) -> tuple[list[str], list[Message | str]]:
    """Keep uploaded files; returns where, and which could not be. One that fails does not keep the others out."""
    from minicpm_rag import indexing

    knowledge_base = state.knowledge_base()
    arrived = [file for file in files if isinstance(file, streamlit_private.UploadedFile)]
    lost = len(files) - len(arrived)
    errors: list[Message | str] = [t("upload_lost", count=lost)] if lost else []
    sources = []
    for file in arrived:
        try:
            sources.append(str(indexing.save_upload(workspace.library, knowledge_base, file.name, file.getvalue())))
        except RAGError as error:  # noqa: PERF203 (each may fail alone)
            errors.append(error.message)
    return sources, errors


def watch(workspace: Workspace) -> None:
    """Draw the jobs, and draw them again as they go on: often while one runs, else less often for jobs of others."""
    jobs.shared().adopt(workspace.library)
    if is_busy(workspace):
        _watching(workspace)
        return
    shown = _jobs(workspace)
    for job in shown:
        _job(workspace, job, leads_on=job is shown[-1])
    _idle(workspace, _state_of(workspace))


def is_busy(workspace: Workspace) -> bool:
    """Whether a job of the knowledge base on the page waits or runs."""
    return any(not job.done.is_set() for job in _jobs(workspace))


def _jobs(workspace: Workspace) -> list[Job]:
    return jobs.shared().of(state.knowledge_base(), workspace.library)


def _may_write(workspace: Workspace) -> bool:
    return state.person() is None or workspace.library.level(state.knowledge_base()) != "read"


@st.fragment(run_every=BUSY_SECONDS)
def _watching(workspace: Workspace) -> None:
    jobs.shared().adopt(workspace.library)
    if not is_busy(workspace):
        st.rerun()
    for job in _jobs(workspace):
        _job(workspace, job)


@st.fragment(run_every=IDLE_SECONDS)
def _idle(workspace: Workspace, drawn: tuple[tuple[int, int] | None, int]) -> None:
    """Draw the view again once another process has begun a job, or has changed the knowledge base."""
    jobs.shared().adopt(workspace.library)
    if is_busy(workspace) or _state_of(workspace) != drawn:
        st.rerun()


def _state_of(workspace: Workspace) -> tuple[tuple[int, int] | None, int]:
    name = state.knowledge_base()
    found = knowledge.exists(workspace, name)
    return (workspace.library.version(name) if found else None, len(_jobs(workspace)))


def _job(workspace: Workspace, job: Job, *, leads_on: bool = False) -> None:
    """Draw a job. One that `leads_on` offers to ask about what it has read; not within a part drawn by itself."""
    if not job.done.is_set():
        _progress(workspace, job)
        return
    if job.error:
        notices.bad(job.error)
    if job.kind == "remove" and not job.error:
        jobs.shared().put_away(job)
        return
    with st.container(border=True, key=f"job-{job.number}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"):
            counts = jobs.tally(job.verdicts)
            words = " · ".join(
                t(f"verdict_{status}") + f" {counts[status]}" for status in sorted(counts, key=TONES.__contains__)
            )
            st.html(f'<div class="rag-row-title">{markup.plain(words or t("nothing_read"))}</div>')
            if job.left and _may_write(workspace):
                st.button(
                    t("resume_reading", count=job.left),
                    icon=":material/play_arrow:",
                    key=f"resume-{job.number}",
                    on_click=_go_on,
                    args=(workspace, job),
                )
            if leads_on and {"indexed", "replaced"} & counts.keys():
                st.button(
                    t("ask_about_them"),
                    icon=":material/forum:",
                    key=f"ask-about-job-{job.number}",
                    on_click=state.open_conversation,
                    args=(None,),
                )
            st.button(
                t("put_away"),
                key=f"put-away-{job.number}",
                type="tertiary",
                on_click=jobs.shared().put_away,
                args=(job,),
            )
        verdict_table(job.verdicts)


def _progress(workspace: Workspace, job: Job) -> None:
    step = job.latest
    if step is None or not step.files or job.kind == "remove":
        notices.working(t(f"job_{job.kind}"))
        return
    done = step.file_number - (0 if step.verdict else 1) + step.share
    line = t(
        "file_line",
        number=step.file_number,
        count=step.files,
        name=jobs.name_of(step.source),
        stage=t(f"ingest_{step.stage}"),
    )
    if seconds := job.seconds_left:
        line = t("with_time_left", line=line, time=_time(seconds))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(1.0, max(0, done) / step.files), text=markup.label(line))
        paused = job.cancelled.is_set()
        st.button(
            t("pausing" if paused else "pause"),
            icon=":material/pause:",
            key=f"stop-job-{job.number}",
            type="tertiary",
            disabled=paused or not _may_write(workspace),
            on_click=job.cancelled.set,
        )
    bad = [verdict for verdict in job.verdicts if verdict.status in TONES]
    if bad:
        verdict_table(bad)


@attempt
def _go_on(workspace: Workspace, job: Job) -> None:
    jobs.go_on(workspace.library, job)


def _time(seconds: int) -> str:
    if seconds < 90:
        return t("time_left_seconds", count=seconds)
    return t("time_left_minutes", count=round(seconds / 60))


def verdict_table(verdicts: list[Verdict]) -> None:
    """Draw what became of each file, with the reason and what to do; of many files those that are well are folded."""
    if not verdicts:
        return
    ordered = sorted(verdicts, key=lambda verdict: (verdict.status not in TONES, verdict.title))
    shown = ordered
    if len(ordered) > MOST_SHOWN:
        shown = [verdict for verdict in ordered if verdict.status in TONES][:MOST_SHOWN]
    folded = ordered[len(shown) :]
    drawn = _table(shown) if shown else ""
    if folded:
        words = t("more_files" if shown else "all_files", count=len(folded))
        drawn += f'<details class="rag-fold"><summary>{markup.plain(words)}</summary>{_table(folded)}</details>'
    st.html(drawn)


def _table(verdicts: list[Verdict]) -> str:
    rows = [_row(verdict) for verdict in verdicts]
    head = [t(key) for key in ("file", "verdict", "reason", "remedy")]
    # "What to do" stands there where there is something to do for one of them.
    width = len(head) if any(cells[-1] for cells in rows) else len(head) - 1
    names = "".join(f"<th>{markup.plain(name)}</th>" for name in head[:width])
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells[:width])}</tr>" for cells in rows)
    return f'<table class="rag-table"><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>'


def _row(verdict: Verdict) -> tuple[str, str, str, str]:
    words = markup.plain(t(f"verdict_{verdict.status}"))
    chip = f'<span class="rag-chip {TONES.get(verdict.status, "")}">{words}</span>'
    counts = ""
    if verdict.chunks and verdict.pages_present == 1:
        counts = t("chunks", count=verdict.chunks)
    elif verdict.chunks and verdict.pages_indexed == verdict.pages_present:
        counts = t("all_pages_and_chunks", present=verdict.pages_present, chunks=verdict.chunks)
    elif verdict.chunks:
        counts = t(
            "pages_and_chunks",
            indexed=verdict.pages_indexed,
            present=verdict.pages_present,
            chunks=verdict.chunks,
        )
    reason = " · ".join(part for part in (counts, said(verdict.reason), documents.unusual(verdict.encoding)) if part)
    return (
        markup.name(verdict.title or jobs.name_of(verdict.source)),
        chip,
        markup.plain(reason),
        markup.plain(documents.remedy(verdict.reason, verdict.remedy)),
    )
