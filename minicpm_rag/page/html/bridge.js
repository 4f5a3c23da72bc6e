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
    if (event.target.closest?.(".st-key-go-to button")) typeInto(".st-key-palette-choice input")
    const button = event.target.closest?.("[data-mark], [data-copy]")
    // On a phone the sidebar covers the page, so it goes away once something in it was chosen.
    const inSidebar = event.target.closest?.(`${parts.sidebar} [class*="st-key-"] button`)
    const leads = '[class*="st-key-go-"], [class*="st-key-open-"], .st-key-new-conversation'
    if (innerWidth <= 768 && inSidebar?.closest(leads))
      document.querySelector(`${parts["close sidebar"]} button`)?.click()
    if (button?.dataset.mark) setTriggerValue("opened", `${button.dataset.mark}:${button.dataset.which}`)
    else if (button?.dataset.copy) copy(button)
  }
  const nameOf = (chip) => chip.querySelector(parts["file name"])?.title ?? ""
  const refused = `${parts.file}[aria-invalid="true"]`
  // The uploader tells the server nothing of a file that is too large: its chip is all there is to see.
  const seen = window.ragRefused ?? (window.ragRefused = new WeakSet())
  const look = () => {
    const fresh = [...document.querySelectorAll(refused)].filter((chip) => !seen.has(chip))
    fresh.forEach((chip) => seen.add(chip))
    if (fresh.length) setTriggerValue("refused", fresh.map(nameOf))
  }
  // Streamlit 1.67 does not answer a request for upload addresses if a run of the page begins at that moment. The
  // files are then lost silently: they have no chips in the uploader. So those without one are given to it again, but
  // only once the server has answered something that was sent later: a server that is merely busy loses nothing.
  const hasChip = () => document.querySelector(`${parts.file}:not([aria-invalid="true"])`)
  const given = window.ragGiven ?? (window.ragGiven = { number: 0, waiting: null, own: null })
  const taken = (event) => {
    if (event === given.own) return
    const input = event.target.closest?.(parts.uploader)?.querySelector("input[type=file]")
    const files = (event.dataTransfer ?? event.target).files
    if (input && files?.length) watch({ input, files, names: [...files], tries: 3 })
  }
  const watch = (waiting) => setTimeout(() => {
    if (!waiting.input.isConnected || hasChip()) return
    given.waiting = waiting
    setTriggerValue("asked", ++given.number)
  }, 2000)
  const giveAgain = () => {
    const { input, files, names, tries } = given.waiting
    given.waiting = null
    if (!input.isConnected || hasChip() || !tries) return
    const tooLarge = [...document.querySelectorAll(refused)].map(nameOf)
    const lost = names.filter((file) => !tooLarge.includes(file.name))
    if (!lost.length) return
    if (lost.length === names.length) input.files = files  // as they came, with their places in a folder
    else {
      const again = new DataTransfer()
      lost.forEach((file) => again.items.add(file))
      input.files = again.files
    }
    given.own = new Event("change", { bubbles: true })
    input.dispatchEvent(given.own)
    watch({ input, files: input.files, names: lost, tries: tries - 1 })
  }
  // The answer comes with a run of the page, whose own chips are drawn a moment later.
  if (given.waiting && data.answered === given.number) setTimeout(() => given.waiting && giveAgain(), 500)
  // What was answered, for those who hear the page: the region must be there before its text.
  let live = document.getElementById("rag-live")
  if (!live) {
    live = Object.assign(document.createElement("div"), { id: "rag-live", className: "rag-heard" })
    live.setAttribute("role", "status")
    live.setAttribute("aria-live", "polite")
    document.body.append(live)
  }
  if (live.textContent !== data.spoken) live.textContent = data.spoken
  const showKeys = () => {
    document.querySelector(".rag-keys")?.remove()
    const dialog = Object.assign(document.createElement("dialog"), { className: "rag-keys" })
    const list = dialog.appendChild(document.createElement("dl"))
    for (const [key, words] of Object.entries(data.keys)) {
      list.appendChild(document.createElement("dt")).textContent = key
      list.appendChild(document.createElement("dd")).textContent = words
    }
    dialog.setAttribute("aria-label", data.keysCalled)
    dialog.onclick = () => dialog.close()
    document.body.append(dialog)
    dialog.showModal()  // Esc closes it
  }
  // Keys: "/" to the question, Esc closes the source, the arrows go from citation to citation, "?" lists them.
  // Ctrl+K is Streamlit's: it opens the list of places to go to, which is then typed into.
  const typeInto = (selector, tries = 60) => {
    const box = document.querySelector(selector)
    if (box) box.focus()
    else if (tries) setTimeout(() => typeInto(selector, tries - 1), 50)
  }
  const keyed = (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k")
      typeInto(".st-key-palette-choice input")
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
    const at = event.target
    if (event.key === "Escape" && document.querySelector(".st-key-source-pane")) setTriggerValue("closed", Date.now())
    else if (event.key === "?" && !at.closest?.("input, textarea, [contenteditable]")) showKeys()
    else if (event.key === "/" && !at.closest?.("input, textarea, [contenteditable]")) {
      event.preventDefault()
      document.querySelector(parts.question)?.focus()
    } else if (at.matches?.(".rag-mark") && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      const marks = [...document.querySelectorAll(".rag-mark")]
      marks[marks.indexOf(at) + (event.key === "ArrowRight" ? 1 : -1)]?.focus()
    }
  }
  document.removeEventListener("keydown", window.ragKeyed)
  document.addEventListener("keydown", (window.ragKeyed = keyed))
  // Stay at the end of the conversation while it grows, until the user scrolls.
  const end = () => document.querySelector(parts.main)
  if (data.follow !== window.ragFollow) window.ragStick = Boolean(data.follow)
  window.ragFollow = data.follow
  // Another view begins at its top; a conversation that is opened, at its end.
  if (data.view !== window.ragView && !data.follow) end()?.scrollTo({ top: 0 })
  window.ragView = data.view
  const stay = () => { if (window.ragStick) end()?.scrollTo({ top: end().scrollHeight }) }
  const leave = () => { window.ragStick = false }
  stay()
  // Bring the marked words of a source into view, inside its pane only.
  const bring = () => {
    const pane = document.querySelector(".st-key-source-pane")
    const mark = pane?.querySelector("mark b") ?? pane?.querySelector("mark, .rag-goal")
    if (!mark || mark === window.ragMark) return
    window.ragMark = mark
    for (const box of [mark.closest(".rag-grid"), pane]) {
      if (!box) continue
      box.scrollTop += mark.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3
    }
  }
  // Streamlit names a menu by the words on its button, which a button with a sign alone has none of.
  const name = () => {
    for (const menu of document.querySelectorAll('[role="dialog"][aria-label=""]'))
      menu.setAttribute("aria-label", data.menu)
    // A button with a sign alone it names by the sign, in English: "more_horiz icon".
    for (const sign of document.querySelectorAll(`button ${parts.icon}`)) {
      const button = sign.closest("button"), words = data.signs[sign.textContent]
      if (!words || button.ariaLabel === words) continue
      const signs = [...button.querySelectorAll(parts.icon)].map((one) => one.textContent)
      const more = signs.reduce((left, one) => left.replace(`${one} icon`, "").replace(one, ""), button.textContent)
      if (!more.trim()) button.ariaLabel = words
    }
  }
  name()
  // Each run of the page calls this function again: keep one listener and one observer.
  document.removeEventListener("click", window.ragClicked)
  document.addEventListener("click", (window.ragClicked = clicked))
  for (const kind of ["change", "drop"]) {
    document.removeEventListener(kind, window.ragTaken, true)
    document.addEventListener(kind, taken, true)
  }
  window.ragTaken = taken
  for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    document.removeEventListener(kind, window.ragLeave)
    document.addEventListener(kind, leave)
  }
  window.ragLeave = leave
  window.ragLooks?.disconnect()
  window.ragLooks = new MutationObserver(() => { look(); stay(); bring(); name() })
  window.ragLooks.observe(document.body, { childList: true, subtree: true })
}
