// The conversation as one reads it: the caller's partials, the agent's words as they are heard, and why, of a turn.

import { el, ms } from "./dom.js"
import { spansOf, why } from "./why.js"

export class Thread {
  constructor(list, panel) {
    this.list = list
    this.panel = panel
    this.rows = new Map()
    this.chosen = null // the item whose Why is shown
    this.pinned = false // it was chosen by hand
  }

  follow(conversation) {
    this.list.replaceChildren()
    this.rows.clear()
    this.chosen = null
    this.pinned = false
    conversation.addEventListener("new", ({ detail }) => this.add(detail))
    conversation.addEventListener("change", ({ detail }) => this.change(detail))
  }

  add(item) {
    const row = el("li", { class: item.kind })
    this.rows.set(item, row)
    this.list.append(row)
    this.change(item)
    row.scrollIntoView({ block: "nearest" })
  }

  change(item) {
    const row = this.rows.get(item)
    if (!row) return
    if (item.kind === "caller") caller(row, item)
    else if (item.kind === "agent") this.agent(row, item)
    else note(row, item)
  }

  agent(row, item) {
    if (!row.firstChild) {
      row.words = el("p", { class: "words" })
      row.foot = el("div", { class: "foot" })
      row.append(row.words, row.foot)
    }
    words(row, item)
    row.classList.toggle("interrupted", item.status === "interrupted")
    row.classList.toggle("speaking", item.status === "speaking")
    this.foot(row, item)
    if (!this.pinned && (item.metrics || !this.chosen) && !newer(this.chosen, item, this.rows)) this.choose(item)
    else if (this.chosen === item) this.choose(item)
  }

  foot(row, item) {
    const known = [item.status, item.metrics?.total, item.silence, item.tools.length].join()
    if (row.known === known) return
    row.known = known
    const chip = el("button", { type: "button", class: "chip", onclick: () => this.pin(item) }, label(item))
    row.foot.replaceChildren(...(item.status === "interrupted" ? [el("span", { class: "cut" }, "interrupted")] : []), chip)
  }

  pin(item) {
    this.pinned = true
    this.choose(item)
    this.panel.scrollIntoView({ block: "nearest" })
  }

  choose(item) {
    const shown = [item.id, item.status, item.metrics, item.silence, item.cost, item.text, item.tools.length]
    if (this.shown && shown.every((part, n) => part === this.shown[n])) return
    this.shown = shown
    this.rows.get(this.chosen)?.classList.remove("chosen")
    this.chosen = item
    this.rows.get(item)?.classList.add("chosen")
    this.panel.replaceChildren(why(item))
  }
}

function newer(chosen, item, rows) {
  const order = [...rows.keys()]
  return chosen && order.indexOf(chosen) > order.indexOf(item)
}

function label(item) {
  if (item.metrics) return `why ${ms(spansOf(item).total)}`
  return item.tools.length ? "why, and tools" : "why"
}

function caller(row, item) {
  row.classList.toggle("partial", !item.final)
  row.replaceChildren(el("p", { class: "words" }, item.text || "…"))
}

function note(row, item) {
  row.classList.toggle("alert", item.alert)
  row.replaceChildren(el("p", {}, item.text))
}

// Words light up when they are heard; those that never were stay dim, and struck once it is certain.
function words(row, item) {
  const { words } = row
  const known = words.children.length
  for (const word of item.words.slice(known)) words.append(el("span", {}, spaced(word, words)))
  item.words.forEach((word, n) => {
    const heard = item.heard > 0 && (word.start ?? 0) <= item.heard
    const span = words.children[n]
    span.classList.toggle("heard", heard)
    span.classList.toggle("now", heard && item.status === "speaking" && item.heard < (word.end ?? Infinity))
  })
  if (!item.words.length && item.text !== null) words.textContent = item.text
}

// A reply's words may come with the space after them or without.
function spaced({ text }, words) {
  const before = words.lastChild?.textContent ?? " "
  return /\s$/.test(before) || /^\s/.test(text) || !before ? text : ` ${text}`
}
