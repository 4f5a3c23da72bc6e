"""The one script the page runs in the browser: clicks on citation marks, copying, two cookies, the page's language.

Clicks are caught on the document, so that answers can be drawn as inert HTML. It does not know what is opened.
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
    if (button?.dataset.mark) setTriggerValue("opened", button.dataset.mark)
    else if (button?.dataset.copy) copy(button)
  }
  // Each rerun calls this function anew: one listener at a time.
  if (window.ragClicked) document.removeEventListener("click", window.ragClicked)
  window.ragClicked = clicked
  document.addEventListener("click", clicked)
}
"""

_mount = component("minicpm_rag.bridge", js=_SCRIPT, isolate_styles=False)


def draw(*, language: str, cookies: Mapping[str, str], opened: Callable[[str], None]) -> None:
    """Put the script on the page; `opened` is called with the mark that was clicked."""

    def changed() -> None:
        mark = st.session_state[KEY].get("opened")
        if mark:
            opened(str(mark))

    data = {"language": language, "cookies": dict(cookies), "seconds": COOKIE_SECONDS}
    with st.container(key="rag-bridge"):
        _mount(key=KEY, data=data, on_opened_change=changed)
