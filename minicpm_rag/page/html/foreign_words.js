export default function ({ data }) {
  const state = window.ragForeignWords ?? (window.ragForeignWords = {})
  const put = (text) => {
    const ours = data.words[text.data.trim()]
    // What documents and answers say stays as it is.
    if (ours && ours !== text.data && !text.parentElement?.closest(data.parts.html)) text.data = ours
  }
  const look = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return put(node)
    if (node.nodeType !== Node.ELEMENT_NODE || node.closest(data.parts.html)) return
    const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) put(texts.currentNode)
    for (const named of [node, ...node.querySelectorAll("[aria-label]")]) {
      // Kept, as the page may change its language while the part stays.
      const theirs = named.dataset?.ragTheirs ?? named.getAttribute("aria-label")
      const ours = data.words[theirs]
      if (!ours || named.getAttribute("aria-label") === ours) continue
      named.dataset.ragTheirs = theirs
      named.setAttribute("aria-label", ours)
    }
  }
  // Each run of the page calls this function again: keep one observer.
  state.looks?.disconnect()
  state.looks = new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "characterData") look(change.target)
      else change.addedNodes.forEach(look)
    }
  })
  state.looks.observe(document.body, { childList: true, subtree: true, characterData: true })
  look(document.body)
}
