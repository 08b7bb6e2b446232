// A talk button for any page:
//
//   <script type="module" src="//voice.example/embed/button.js" data-token="/talk-token"></script>
//
// data-token  where the page's own backend gives out a temporary token, to a POST: as text, or as {"token": …}
// data-agent  the stored agent to talk to; else the server's own
// data-label  what the button says
// data-in     a selector of what the button is put into; else it stands in the page's corner
//
// The script element emits "antiphon" events: {detail} is {state} or an event of the Voice Agent API.

import { Audio, base64 } from "./audio.js"
import { Wire } from "./wire.js"

const ACKNOWLEDGE = 0.1 // seconds between two words on what was played
const RATE = 24000 // Hz, on the wire
const script = [...document.scripts].find(each => each.src === import.meta.url)
const { token, agent, label = "Talk to us", in: place } = script?.dataset ?? {}

const STYLE = `
  button { font: 600 1rem/1 system-ui, sans-serif; padding: .9em 1.3em; border: 0; border-radius: 2em; cursor: pointer;
    color: #fff; background: #14532d; box-shadow: 0 2px 10px #0004 }
  button:focus-visible { outline: 3px solid #86efac; outline-offset: 2px }
  button[data-state="live"] { background: #b91c1c }
  button[data-state="connecting"], button[data-state="reconnecting"] { background: #475569 }
  [role="status"] { font: .85rem/1.3 system-ui, sans-serif; max-width: 18rem; margin: 0 0 .5rem; color: inherit }
  [role="status"]:empty { display: none }
  :host(.corner) { position: fixed; right: 1.25rem; bottom: 1.25rem; z-index: 2147483000; text-align: right }
`
const SAYS = { idle: label, connecting: "Connecting…", live: "Hang up", reconnecting: "Coming back…" }

class Button {
  constructor(host) {
    this.audio = new Audio()
    this.wire = null
    this.opening = Promise.resolve() // settled once no microphone is being asked for
    this.told = { id: null, samples: 0, at: 0 } // the newest acknowledgement
    const root = host.attachShadow({ mode: "open" })
    const sheet = new CSSStyleSheet() // the page's own rules do not reach in, and its policy does not forbid it
    sheet.replaceSync(STYLE)
    root.adoptedStyleSheets = [sheet]
    this.status = document.createElement("p")
    this.status.setAttribute("role", "status")
    this.button = document.createElement("button")
    this.button.type = "button"
    root.append(this.status, this.button)
    this.show("idle")
    this.button.addEventListener("click", () => (this.wire ? this.stop() : this.start()))
    this.audio.addEventListener("frame", ({ detail }) => this.send({ type: "input.audio", audio: base64(detail.pcm) }))
    this.audio.addEventListener("played", ({ detail }) => this.played(detail))
    addEventListener("pagehide", () => this.stop())
  }

  start() {
    this.show("connecting")
    const wire = (this.wire = new Wire({ token: askForToken, base: new URL("..", import.meta.url) }))
    this.opening = this.opening.then(() => this.open(wire))
  }

  async open(wire) {
    if (this.wire !== wire) return
    try {
      await this.audio.open()
    } catch (error) {
      if (this.wire !== wire) return this.audio.close()
      return this.over(error.name === "NotAllowedError" ? "The microphone was not allowed." : error.message)
    }
    if (this.wire !== wire) return this.audio.close() // hung up while the microphone was asked for
    wire.addEventListener("state", ({ detail }) => this.wire === wire && this.state(detail))
    wire.addEventListener("event", ({ detail }) => this.wire === wire && this.event(detail))
    wire.open(agent ? { agent_id: agent } : {})
  }

  stop() {
    if (this.wire?.state === "idle") return this.over()
    this.wire?.close()
    this.audio.flush()
  }

  over(why = "") {
    this.wire = null
    this.audio.close()
    this.show("idle", why)
  }

  state({ state, why }) {
    if (state === "ended") this.over(why)
    else this.show(state)
  }

  show(state, why = "") {
    this.button.dataset.state = state
    this.button.textContent = SAYS[state]
    this.status.textContent = why
    emit({ state })
  }

  event(event) {
    if (event.type === "reply.audio") return this.audio.play(event.reply_id, event.data)
    if (event.type === "input.speech.started") this.audio.flush()
    if (event.type === "reply.done") event.status === "interrupted" ? this.audio.flush() : this.audio.end(event.reply_id)
    emit(event)
  }

  played({ id, samples, flushed, dry, ended, at }) {
    if (!id) return
    // What was rendered last is still on its way to the ear, and will get there: only a flush stops what is not rendered.
    const whole = flushed || ended || dry
    const heard = whole ? samples : Math.max(0, samples - Math.round(this.audio.latency * RATE))
    const last = this.told.id === id ? this.told : { samples: 0, at: 0 }
    if (heard <= last.samples || (!whole && at - last.at < ACKNOWLEDGE)) return
    this.told = { id, samples: heard, at }
    this.send({ type: "playout.position", reply_id: id, samples: heard })
  }

  send(message) {
    this.wire?.send(message)
  }
}

async function askForToken() {
  if (!token) return ""
  const answer = await fetch(token, { method: "POST" }).catch(() => null)
  if (!answer?.ok) throw new Error("Calls are not possible at the moment.")
  const text = (await answer.text()).trim()
  return text.startsWith("{") ? JSON.parse(text).token : text
}

const emit = detail => script?.dispatchEvent(new CustomEvent("antiphon", { detail, bubbles: true }))

const host = document.createElement("div")
host.className = place ? "" : "corner"
;(place ? document.querySelector(place) : document.body).append(host)
new Button(host)
