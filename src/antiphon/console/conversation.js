// What was said, by whom, and how much of it was heard: built from the events of a session.

export class Conversation extends EventTarget {
  // Emits "change" {item} and "new" {item}. Items, in order:
  //   {kind: "caller", id, text, final, typed}
  //   {kind: "agent", id, words: [{text, start, end}], text, status, heard (ms), metrics, cost, tools, silence}
  //   {kind: "note", text, alert}

  constructor() {
    super()
    this.items = []
    this.reply = null // the newest
    this.session = null // what the whole has cost
  }

  take(event) {
    const handler = HANDLERS[event.type]
    if (handler) handler(this, event)
  }

  said(text) {
    this.add({ kind: "caller", id: `typed-${this.items.length}`, text, final: true, typed: true })
  }

  note(text, { alert = false } = {}) {
    this.add({ kind: "note", text, alert })
  }

  played(id, seconds) {
    const item = this.agent(id)
    if (!item || seconds * 1000 <= item.heard) return
    item.heard = seconds * 1000
    this.changed(item)
  }

  agent(id) {
    for (let i = this.items.length - 1; i >= 0; i--) {
      const item = this.items[i]
      if (item.kind === "agent" && item.id === id) return item
    }
    return null
  }

  caller(id) {
    const found = this.items.findLast(item => item.kind === "caller" && item.id === id)
    return found ?? this.add({ kind: "caller", id, text: "", final: false })
  }

  add(item) {
    this.items.push(item)
    this.dispatchEvent(new CustomEvent("new", { detail: item }))
    return item
  }

  changed(item) {
    this.dispatchEvent(new CustomEvent("change", { detail: item }))
  }
}

const HANDLERS = {
  "transcript.user.delta": (all, { item_id, text }) => {
    const item = all.caller(item_id)
    item.text = text
    all.changed(item)
  },
  "transcript.user": (all, { item_id, text }) => {
    const item = all.caller(item_id)
    Object.assign(item, { text, final: true })
    all.changed(item)
  },
  "reply.started": (all, { reply_id }) => {
    const item = { kind: "agent", id: reply_id, words: [], text: null, status: "speaking", heard: 0, tools: [] }
    all.reply = all.add(Object.assign(item, { metrics: null, cost: null, silence: null, asked: asked(all) }))
  },
  "transcript.agent.delta": (all, { reply_id, delta, start_ms, end_ms }) => {
    const item = all.agent(reply_id)
    if (!item) return
    item.words.push({ text: delta, start: start_ms, end: end_ms })
    all.changed(item)
  },
  "transcript.agent": (all, { reply_id, text }) => {
    const item = all.agent(reply_id)
    if (!item) return
    item.text = text
    all.changed(item)
  },
  "reply.done": (all, { reply_id, status }) => {
    const item = all.agent(reply_id)
    if (!item) return
    item.status = status
    if (status === "completed") item.heard = Infinity
    all.changed(item)
  },
  "reply.error": (all, { message }) => all.note(message, { alert: true }),
  "tool.call": (all, { call_id, name, arguments: given }) => {
    const call = { id: call_id, name, arguments: given, result: null, error: false, ms: null }
    all.reply?.tools.push(call)
    if (all.reply) all.changed(all.reply)
  },
  "turn.metrics": (all, event) => {
    const item = all.agent(event.reply_id)
    if (!item) return
    item.metrics = { total: event.total_ms, spans: event.spans, lastVoice: event.last_voice_ms ?? null }
    all.changed(item)
  },
  "reply.cost": (all, { reply_id, cost, session }) => {
    all.session = session
    const item = all.agent(reply_id)
    if (!item) return
    item.cost = cost
    all.changed(item)
  },
  "session.error": (all, { message }) => all.note(message, { alert: true }),
}

// What a reply answers.
function asked(all) {
  const item = all.items.findLast(each => each.kind !== "note")
  return item?.kind === "caller" ? item.text : null
}
