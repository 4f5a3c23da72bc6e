"""The one script in the browser: clicks on citation marks, copying, two cookies, files that are too large.

Clicks are caught on the document, so that answers can be inert HTML. It does not know what is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st
from streamlit.components.v2 import component

KEY = "bridge"
COOKIE_SECONDS = 400 * 24 * 3600  # the longest a browser keeps one

_SCRIPT = """
export default function ({ data, setTriggerValue }) {
  document.documentElement.lang = data.language
  for (const [name, value] of Object.entries(data.cookies))
    document.cookie = `${name}=${value}; path=/; max-age=${data.seconds}; SameSite=Strict`

  const copy = async (button) => {
    const text = button.dataset.copy
    try {
      await navigator.clipboard.writeText(text)
    } catch {  // no clipboard outside https and this machine
      const area = document.createElement("textarea")
      area.value = text
      document.body.append(area)
      area.select()
      document.execCommand("copy")
      area.remove()
    }
    button.classList.add("rag-copied")
    setTimeout(() => button.classList.remove("rag-copied"), 1500)
  }
  const clicked = (event) => {
    const button = event.target.closest?.("[data-mark], [data-copy]")
    // On a phone the sidebar covers the page, so it goes away once something in it was chosen.
    const inSidebar = event.target.closest?.('[data-testid="stSidebar"] [class*="st-key-"] button')
    const leads = '[class*="st-key-go-"], [class*="st-key-open-"], .st-key-new-conversation'
    if (innerWidth <= 768 && inSidebar?.closest(leads))
      document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click()
    if (button?.dataset.mark) setTriggerValue("opened", button.dataset.mark)
    else if (button?.dataset.copy) copy(button)
  }
  // The uploader keeps a file that is too large to itself: its chip is all there is to see.
  const seen = window.ragRefused ?? (window.ragRefused = new WeakSet())
  const look = () => {
    const chips = [...document.querySelectorAll('[data-testid="stFileChip"][aria-invalid="true"]')]
    const fresh = chips.filter((chip) => !seen.has(chip))
    fresh.forEach((chip) => seen.add(chip))
    const names = fresh.map((chip) => chip.querySelector('[data-testid="stFileChipName"]')?.title ?? "")
    if (names.length) setTriggerValue("refused", names)
  }
  // Each rerun calls this function anew: one listener and one observer at a time.
  document.removeEventListener("click", window.ragClicked)
  document.addEventListener("click", (window.ragClicked = clicked))
  window.ragLooks?.disconnect()
  window.ragLooks = new MutationObserver(look)
  window.ragLooks.observe(document.body, { childList: true, subtree: true })
}
"""

_mount = component("minicpm_rag.bridge", js=_SCRIPT, isolate_styles=False)


def draw(
    *,
    language: str,
    cookies: Mapping[str, str],
    opened: Callable[[str], None],
    refused: Callable[[list[str]], None],
) -> None:
    """Put the script on the page.

    `opened` is called with the citation mark that was clicked, `refused` with the names of files that the
    uploader did not take because they are too large.
    """

    def mark_clicked() -> None:
        opened(str(st.session_state[KEY].get("opened") or ""))

    def files_refused() -> None:
        refused([str(name) for name in st.session_state[KEY].get("refused") or ()])

    data = {"language": language, "cookies": dict(cookies), "seconds": COOKIE_SECONDS}
    with st.container(key="rag-bridge"):
        _mount(key=KEY, data=data, on_opened_change=mark_clicked, on_refused_change=files_refused)
