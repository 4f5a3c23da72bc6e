export default function ({ data }) {
  const kept = `rag-draft-${data.user}`  // of this tab
  const state = window.ragDrafts ?? (window.ragDrafts = {})
  const keep = () => {
    const text = state.box?.value
    if (text) sessionStorage.setItem(kept, text)
    else sessionStorage.removeItem(kept)
  }
  const look = () => {
    const box = document.querySelector(data.question)
    if (box === state.box) return
    if (state.box) keep()  // it has left the page, and still holds its text
    state.box = box
    const text = sessionStorage.getItem(kept)
    if (!box || !text) return
    sessionStorage.removeItem(kept)
    if (box.value) return
    // React keeps its own copy of the value, and hears of another one only so.
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, text)
    box.dispatchEvent(new Event("input", { bubbles: true }))
  }
  const left = () => { if (state.box) keep() }
  // Each run of the page calls this function again: keep one listener and one observer.
  window.removeEventListener("pagehide", state.left)
  window.addEventListener("pagehide", (state.left = left))
  state.looks?.disconnect()
  state.looks = new MutationObserver(look)
  state.looks.observe(document.body, { childList: true, subtree: true })
  look()
}
