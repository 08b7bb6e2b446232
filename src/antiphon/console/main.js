// The page: which view is shown, and how the server is.

import { $ } from "./dom.js"
import { Talk } from "./talk.js"

const VIEWS = ["talk", "try", "history"]

const talk = new Talk($("#talk"))
const others = {
  try: async element => new (await import("./try.js")).Try(element, talk),
  history: async element => new (await import("./history.js")).History(element, talk),
}
const made = {}

async function show() {
  const [wanted, ...rest] = location.hash.slice(1).split("/")
  const name = VIEWS.includes(wanted) ? wanted : "talk"
  for (const view of VIEWS) {
    $(`#${view}`).hidden = view !== name
    $(`nav a[href="#${view}"]`).toggleAttribute("aria-current", view === name)
    if (view === name) $(`nav a[href="#${view}"]`).setAttribute("aria-current", "page")
  }
  if (!others[name]) return
  made[name] ??= others[name]($(`#${name}`))
  const view = await made[name]
  view.show?.(rest.join("/"))
}

async function health() {
  const place = $(".health")
  try {
    const answer = await fetch(new URL("healthz", document.baseURI))
    const { status, reason } = await answer.json()
    place.textContent = answer.ok ? status : reason
    place.dataset.ready = answer.ok
    setTimeout(health, answer.ok ? 15000 : 1000)
  } catch {
    place.textContent = "the server does not answer"
    place.dataset.ready = false
    setTimeout(health, 2000)
  }
}

addEventListener("hashchange", show)
show()
health()
