export default function ({ data, setTriggerValue }) {
  const box = () => document.querySelector(data.question)
  const state = window.ragMentions ?? (window.ragMentions = { found: [], at: 0, start: -1, end: -1 })
  const list = () => document.getElementById("rag-mentions")
  const folded = (text) => text.normalize("NFKC").toLowerCase()

  const close = () => {
    list()?.remove()
    clearTimeout(state.asking)
    state.found = []
    state.isWaiting = false
    for (const name of ["aria-controls", "aria-activedescendant", "aria-autocomplete"]) box()?.removeAttribute(name)
  }
  // Not every name is here: the server is asked for those that hold what is typed, once typing pauses.
  const ask = (wanted) => {
    clearTimeout(state.asking)
    if (data.more && wanted && wanted !== state.asked)
      state.asking = setTimeout(() => {
        state.asked = wanted
        state.isWaiting = true
        setTriggerValue("wanted", wanted)
      }, 200)
  }
  const pick = (index) => {
    const area = box(), name = state.found[index]
    const text = area.value.slice(0, state.start) + area.value.slice(state.end)
    const caret = state.start
    close()
    state.asked = null
    // React keeps its own copy of the value, and hears of another one only so.
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(area, text)
    area.dispatchEvent(new Event("input", { bubbles: true }))
    area.focus()
    area.setSelectionRange(caret, caret)
    setTriggerValue("held", name)
  }
  const draw = () => {
    const area = box(), place = area.getBoundingClientRect()
    list()?.remove()
    const drawn = Object.assign(document.createElement("div"), { id: "rag-mentions", className: "rag-mentions" })
    drawn.setAttribute("role", "listbox")
    drawn.setAttribute("aria-label", data.called)
    state.found.forEach((name, index) => {
      const option = Object.assign(document.createElement("div"), { id: `rag-mention-${index}`, textContent: name })
      option.setAttribute("role", "option")
      option.setAttribute("aria-selected", String(index === state.at))
      option.onpointerdown = (event) => { event.preventDefault(); pick(index) }
      drawn.append(option)
    })
    drawn.style.left = `${Math.max(8, place.left)}px`
    drawn.style.bottom = `${innerHeight - place.top + 22}px`  // above the box around it
    document.body.append(drawn)
    drawn.children[state.at]?.scrollIntoView({ block: "nearest" })
    area.setAttribute("aria-controls", drawn.id)
    area.setAttribute("aria-autocomplete", "list")
    area.setAttribute("aria-activedescendant", `rag-mention-${state.at}`)
  }
  // What is typed behind an @ before the caret: no address of e-mail, and nothing that was closed by a space.
  const look = (isMore = false) => {
    const area = box()
    const typed = /(?<![\w.])[@＠]([^\s@＠]{0,60})$/u.exec(area.value.slice(0, area.selectionStart))
    if (!typed) return close()
    const wanted = folded(typed[1].replace(/^[“"《「]/u, "")), chosen = state.found[state.at]
    const holding = data.names.filter((name) => folded(name).includes(wanted))
    const begins = (name) => (folded(name).startsWith(wanted) ? 0 : 1)
    state.found = holding.sort((one, other) => begins(one) - begins(other)).slice(0, 8)
    state.at = isMore ? Math.max(0, state.found.indexOf(chosen)) : 0
    state.start = typed.index
    state.end = area.selectionStart
    if (state.found.length) draw()
    else close()
    ask(wanted)
  }
  // An input method's letters are no name yet: it is looked when the characters are chosen.
  const typed = (event) => { if (event.target === box() && !event.isComposing) look() }
  const keyed = (event) => {
    if (event.target !== box() || event.isComposing || event.keyCode === 229) return
    const take = () => { event.preventDefault(); event.stopImmediatePropagation() }
    if (!list()) {
      if (event.key === "Escape") close()  // names that are on their way are wanted no longer
      const isEmpty = event.key === "Backspace" && !event.target.value && !event.repeat
      if (isEmpty && document.querySelector(".st-key-scope")) setTriggerValue("dropped", Date.now())
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      take()
      const count = state.found.length
      state.at = (state.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count
      draw()
    } else if (event.key === "Enter" || event.key === "Tab") {
      take()
      pick(state.at)
    } else if (event.key === "Escape") {
      take()
      close()
    }
  }
  const left = (event) => { if (event.target === box()) close() }
  // Each run of the page calls this function again: keep one listener of each.
  const heard = { input: typed, compositionend: typed, keydown: keyed, focusout: left }
  for (const [kind, listener] of Object.entries(heard)) {
    document.removeEventListener(kind, state.heard?.[kind], true)
    document.addEventListener(kind, listener, true)
  }
  // Who was quicker than this script gets the names of what is typed already; so does who waits for more of them.
  const isFirst = !state.heard, isMore = state.isWaiting && data.wanted === state.asked
  if ((isFirst || isMore) && box() && document.activeElement === box()) look(isMore)
  state.heard = heard
}
