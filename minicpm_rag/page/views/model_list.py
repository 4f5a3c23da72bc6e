"""The models this program knows: what fits this machine, fetching them, and switching to one.

It does not decide what fits; `models` does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.page import shared
from minicpm_rag.page.background import downloads
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import said, t
from minicpm_rag.page.once import Once
from minicpm_rag.page.views import notices
from minicpm_rag.text.sizes import file_size

if TYPE_CHECKING:
    from minicpm_rag.models import LocalModel, Model
    from minicpm_rag.models.hardware import Hardware
    from minicpm_rag.workspace import Workspace

Switch = Callable[[Callable[[], None]], None]


@Once
def _machine() -> Hardware:
    from minicpm_rag.models import hardware

    return hardware.describe()


def draw(workspace: Workspace, switch: Switch) -> None:
    """Draw the machine, the models on it, and those it could fetch."""
    from minicpm_rag import models

    machine = _machine()
    if shared.settings().device == "cpu":
        machine = machine.without_gpus()
    st.subheader(t("models_here"), anchor=False)
    notices.quiet(_machine_line(machine))
    local = models.find_local(shared.settings().home)
    choice = models.choose(machine, [found.model for found in local if not found.problems])
    notices.quiet(said(choice.reason))
    if choice.better is not None:
        notices.quiet(t("model_better", words=said(choice.better)))
    here = {found.model.name: found for found in local}
    known = {model.name: model for model in models.CATALOGUE if model.kind == "chat" and model.usable}
    # A GGUF model that is here tells more of itself than the catalogue.
    listed = list((known | {name: found.model for name, found in here.items()}).values())
    first = [model for model in listed if model.name in here or model is choice.model]
    first.sort(key=lambda model: (model is not choice.model, model.name not in here))
    for model in first:
        _one(workspace, switch, model, here.get(model.name), machine, choice.model is model)
    if workspace.mode == "model":
        st.button(
            t("use_none"),
            key="use-none",
            type="tertiary",
            on_click=switch,
            args=(lambda: workspace.use_model(None),),
        )
    with st.expander(t("models_other"), icon=":material/list:"):
        for model in listed:
            if model not in first:
                _one(workspace, switch, model, None, machine, False)


def _machine_line(machine: Hardware) -> str:
    gpus = [f"{gpu.name} ({file_size(gpu.total_bytes)})" for gpu in machine.gpus] or [t("no_gpu")]
    memory = t("memory", size=machine.ram_bytes)
    return " · ".join([*gpus, t("cores", count=machine.cores), memory])


def _one(
    workspace: Workspace,
    switch: Switch,
    model: Model,
    found: LocalModel | None,
    machine: Hardware,
    advised: bool,
) -> None:
    from minicpm_rag import models

    fits = models.fits(model, machine, "cpu") or models.fits(model, machine, "cuda")
    with st.container(border=True, key=f"model-{model.name}"):
        with st.container(
            horizontal=True,
            wrap=False,
            vertical_alignment="center",
            horizontal_alignment="distribute",
        ):
            st.html(_described(model, found, fits, advised, machine), width="stretch")
            if workspace.model_name == model.name:
                chip = f'<span class="rag-chip">{markup.plain(t("in_use"))}</span>'
                st.html(chip, width="content")
            elif found is not None and not found.problems:
                use = partial(workspace.use_model, found.folder)
                st.button(t("use"), key=f"use-{model.name}", on_click=switch, args=(use,))
            else:
                _fetch_button(model, fits)
        download = downloads.shared().get(model.name)
        if download is not None and download.state != "done":
            _progress(model.name)


def _described(model: Model, found: LocalModel | None, fits: bool, advised: bool, machine: Hardware) -> str:
    from minicpm_rag import models

    chips = [("", t("advised"))] if advised else []
    chips += [] if fits else [("warn", t("too_large"))]
    chips += [("warn", t("incomplete"))] if found is not None and found.problems else []
    drawn = "".join(f'<span class="rag-chip {tone}">{markup.plain(words)}</span>' for tone, words in chips)
    facts = [
        t("size_to_fetch", size=model.download_bytes),
        t("context", count=model.context_tokens),
    ]
    if fits and not models.fits(model, machine, "cuda") and model.kind == "chat" and model.parameters:
        facts.append(t("question_seconds", seconds=max(1, round(models.usual_seconds(model, machine)))))
    line = markup.plain(" · ".join(facts if model.parameters else facts[1:]))
    title = f'<div class="rag-row-title">{markup.plain(model.name)}</div>'
    return f'{title}<div class="rag-quiet">{drawn}{line}</div>'


def _fetch_button(model: Model, fits: bool) -> None:
    download = downloads.shared().get(model.name)
    if download is None:
        st.button(
            t("download"),
            icon=":material/download:",
            key=f"download-{model.name}",
            disabled=not fits,
            on_click=_fetch,
            args=(model,),
        )
    elif download.state == "running":
        st.button(t("pause"), icon=":material/pause:", key=f"pause-{model.name}", on_click=download.pause)
    else:
        st.button(t("resume"), icon=":material/play_arrow:", key=f"resume-{model.name}", on_click=download.resume)


def _fetch(model: Model) -> None:
    from minicpm_rag import models

    folder: Path = models.folder_of(shared.settings().home, model)
    downloads.shared()[model.name] = downloads.Download(model, folder)


@st.fragment(run_every=0.7)
def _progress(name: str) -> None:
    download = downloads.shared().get(name)
    if download is None or download.state == "done":
        downloads.shared().pop(name, None)
        st.rerun()
        return
    share = min(1.0, download.bytes_done / max(1, download.bytes_total))
    line = t(f"download_{download.state}", done=download.bytes_done, total=download.bytes_total)
    st.progress(share, text=markup.label(line))
    if download.error:
        notices.bad(download.error)
    drawn = st.session_state.get(f"download-state-{name}")
    if drawn != download.state:  # the button beside it has to follow
        st.session_state[f"download-state-{name}"] = download.state
        if drawn is not None:
            st.rerun()
