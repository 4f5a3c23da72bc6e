export default function ({ data, setTriggerValue }) {
  const parts = data.parts  // CSS selectors of Streamlit's parts
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
    const inSidebar = event.target.closest?.(`${parts.sidebar} [class*="st-key-"] button`)
    const leads = '[class*="st-key-go-"], [class*="st-key-open-"], .st-key-new-conversation'
    if (innerWidth <= 768 && inSidebar?.closest(leads))
      document.querySelector(`${parts["close sidebar"]} button`)?.click()
    if (button?.dataset.mark) setTriggerValue("opened", button.dataset.mark)
    else if (button?.dataset.copy) copy(button)
  }
  // The uploader keeps a file that is too large to itself: its chip is all there is to see.
  const seen = window.ragRefused ?? (window.ragRefused = new WeakSet())
  const look = () => {
    const chips = [...document.querySelectorAll(`${parts.file}[aria-invalid="true"]`)]
    const fresh = chips.filter((chip) => !seen.has(chip))
    fresh.forEach((chip) => seen.add(chip))
    const names = fresh.map((chip) => chip.querySelector(parts["file name"])?.title ?? "")
    if (names.length) setTriggerValue("refused", names)
  }
  // Streamlit 1.67 does not answer a request for an upload address if a run of the page begins at that moment. The
  // file is then lost silently: the uploader stays empty and shows no chip. So the file is given to it once more.
  const given = (event) => {
    const input = event.target.closest?.(parts.uploader)?.querySelector("input[type=file]")
    const files = (event.dataTransfer ?? event.target).files
    if (!input || !files?.length) return
    setTimeout(() => {
      if (!input.isConnected || document.querySelector(parts.file)) return
      if (input.files !== files) input.files = files
      input.dispatchEvent(new Event("change", { bubbles: true }))
    }, 2000)
  }
  // Stay at the end of the conversation while it grows, until the user scrolls.
  const end = () => document.querySelector(parts.main)
  if (data.follow && data.follow !== window.ragFollow) window.ragStick = true
  window.ragFollow = data.follow
  const stay = () => { if (window.ragStick) end()?.scrollTo({ top: end().scrollHeight }) }
  const leave = () => { window.ragStick = false }
  stay()
  // Bring the marked words of a source into view, inside its pane only.
  const bring = () => {
    const mark = document.querySelector(".st-key-source-pane mark")
    if (!mark || mark === window.ragMark) return
    window.ragMark = mark
    const pane = mark.closest(".st-key-source-pane")
    pane.scrollTop += mark.getBoundingClientRect().top - pane.getBoundingClientRect().top - pane.clientHeight / 3
  }
  // Each run of the page calls this function again: keep one listener and one observer.
  document.removeEventListener("click", window.ragClicked)
  document.addEventListener("click", (window.ragClicked = clicked))
  for (const kind of ["change", "drop"]) {
    document.removeEventListener(kind, window.ragGiven, true)
    document.addEventListener(kind, given, true)
  }
  window.ragGiven = given
  for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    document.removeEventListener(kind, window.ragLeave)
    document.addEventListener(kind, leave)
  }
  window.ragLeave = leave
  window.ragLooks?.disconnect()
  window.ragLooks = new MutationObserver(() => { look(); stay(); bring() })
  window.ragLooks.observe(document.body, { childList: true, subtree: true })
}
