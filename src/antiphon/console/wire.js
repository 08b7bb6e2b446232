// One session of the Voice Agent API, through as many connections as it takes.

const EXTENSIONS = "metrics,playout,seq"
const WINDOW = 28 // seconds the server is sure to wait for a client that was cut off
const FIRST_WAIT = 0.25 // seconds before the first attempt to come back; doubled after each
const LONGEST_WAIT = 4
const FINAL = new Set(["session_not_found", "session_forbidden", "session_expired", "unauthorized"])

export class Wire extends EventTarget {
  // Emits "event" with every message of the server's, and "state": connecting, live, reconnecting, ended.

  // `token` returns a credential for a new session, or "". `base` is the server's address.
  constructor({ token, base = document.baseURI }) {
    super()
    this.token = token
    this.base = base
    this.state = "idle"
    this.sessionId = null
    this.resumeToken = null
    this.seq = 0
    this.lostAt = null
    this.why = ""
  }

  async open(session) {
    this.set("connecting")
    this.first = { type: "session.update", session }
    try {
      const token = await this.token()
      if (this.state !== "ended") this.connect(token)
    } catch (error) {
      this.end(error.message)
    }
  }

  send(message) {
    if (this.state === "live" && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message))
  }

  // Ends the session for good.
  close() {
    if (this.state === "ended" || this.state === "idle") return
    if (this.state === "live") {
      this.send({ type: "session.end" })
      this.closing = setTimeout(() => this.end(""), 2000)
      return
    }
    this.end("")
  }

  // --- connections ---

  connect(token) {
    const url = new URL("v1/ws", this.base)
    url.protocol = url.protocol.replace("http", "ws")
    url.searchParams.set("extensions", EXTENSIONS)
    if (token) url.searchParams.set("token", token)
    const socket = (this.socket = new WebSocket(url))
    socket.onopen = () => socket.send(JSON.stringify(this.first))
    socket.onmessage = ({ data }) => this.socket === socket && this.receive(JSON.parse(data))
    socket.onclose = ({ code }) => this.socket === socket && this.closed(code)
  }

  receive(event) {
    if (this.state === "ended") return
    // What opens a resumed connection carries the number that it goes on after.
    if (event.seq !== undefined) this.seq = event.seq
    if (event.type === "session.ready") {
      this.sessionId = event.session_id
      this.resumeToken = event.resume_token
      this.lostAt = null
      this.set("live", event)
    } else if (event.type === "session.error") {
      this.why = event.message
      if (this.state === "reconnecting" && FINAL.has(event.code)) this.gone = true
    }
    this.dispatchEvent(new CustomEvent("event", { detail: event }))
    if (event.type === "session.ended") this.end("")
  }

  closed(code) {
    if (this.state === "ended") return
    if (this.closing) return this.end("")
    if (!this.sessionId) return this.end(this.why || "The server cannot be reached.")
    if (this.gone || code === 1000 || code === 1008) return this.end(this.why || "The server closed the session.")
    const now = performance.now() / 1000
    this.lostAt ??= now
    if (now - this.lostAt > WINDOW) return this.end("The connection was lost for too long.")
    this.wait = this.state === "reconnecting" ? Math.min(this.wait * 2, LONGEST_WAIT) : FIRST_WAIT
    this.set("reconnecting")
    this.first = { type: "session.resume", session_id: this.sessionId, last_seq: this.seq }
    this.retry = setTimeout(() => this.connect(this.resumeToken), this.wait * 1000)
  }

  end(why) {
    if (this.state === "ended") return
    clearTimeout(this.retry)
    clearTimeout(this.closing)
    this.set("ended", { why })
    this.socket?.close(1000)
  }

  set(state, detail = {}) {
    this.state = state
    this.dispatchEvent(new CustomEvent("state", { detail: { ...detail, state } }))
  }
}
