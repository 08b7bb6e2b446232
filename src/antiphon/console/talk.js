// The view in which one talks.

import { sessionToken } from "./api.js"
import { Audio, base64 } from "./audio.js"
import { Conversation } from "./conversation.js"
import { $, clock, el, options } from "./dom.js"
import { Silences } from "./silences.js"
import { Thread } from "./thread.js"
import { Wave } from "./wave.js"
import { Wire } from "./wire.js"

const ACKNOWLEDGE = 0.1 // seconds between two words on what was played
const TEXTS = {
  idle: "Press Talk, and speak.",
  connecting: "Connecting…",
  live: "Connected.",
  reconnecting: "The connection is lost. Coming back…",
}

export class Talk {
  constructor(element) {
    this.element = element
    this.settings = {} // a `session` object, from the view Try
    this.audio = new Audio()
    this.wire = null // this call's, from its first moment to its last
    this.opening = Promise.resolve() // settled once no microphone is being asked for
    this.conversation = null
    this.told = {} // reply → samples acknowledged
    this.silences = new Silences()
    this.wave = new Wave($(".wave", element), () => this.audio.now)
    this.thread = new Thread($(".conversation", element), $(".why-body", element))
    this.buttons = { call: $(".call", element), mute: $(".mute", element) }
    this.listen()
    this.wave.paint(0)
    this.listDevices()
  }

  listen() {
    const { audio, element, buttons } = this
    buttons.call.addEventListener("click", () => (this.isOn ? this.stop() : this.start()))
    buttons.mute.addEventListener("click", () => this.mute(!audio.muted))
    $(".composer", element).addEventListener("submit", event => {
      event.preventDefault()
      this.write(event.target.elements.say)
    })
    $(".microphone", element).addEventListener("change", ({ target }) => this.use("listenTo", target.value))
    $(".speaker", element).addEventListener("change", ({ target }) => this.use("speakThrough", target.value))
    audio.addEventListener("frame", ({ detail }) => this.frame(detail))
    audio.addEventListener("played", ({ detail }) => this.played(detail))
    audio.addEventListener("devices", () => this.listDevices())
    addEventListener("pagehide", () => this.wire?.close())
    addEventListener("resize", () => this.wave.paint(audio.now))
  }

  get isOn() {
    return this.wire !== null
  }

  // --- the call ---

  start() {
    const wire = (this.wire = new Wire({ token: sessionToken }))
    this.say("connecting")
    this.begin()
    this.opening = this.opening.then(() => this.open(wire))
  }

  async open(wire) {
    const speaks = $(".use-voice", this.element).checked
    const sounds = $(".use-sound", this.element).checked
    if (this.wire !== wire) return
    try {
      await this.audio.open({ listen: speaks })
    } catch (error) {
      await this.audio.close()
      if (this.wire === wire) this.over(microphoneTrouble(error))
      return
    }
    if (this.wire !== wire) return this.audio.close() // hung up while the microphone was asked for
    wire.addEventListener("state", ({ detail }) => this.wire === wire && this.state(detail))
    wire.addEventListener("event", ({ detail }) => this.wire === wire && this.event(detail))
    this.wave.start()
    wire.open(session(this.settings, { speaks, sounds }))
  }

  begin() {
    this.conversation = new Conversation()
    this.thread.follow(this.conversation)
    this.silences = new Silences()
    this.told = {}
    this.began = null
    this.wave.clear()
  }

  stop() {
    if (this.wire.state === "idle") return this.over(TEXTS.idle)
    this.wire.close()
    this.audio.flush()
  }

  over(why) {
    this.wire = null
    this.say("idle", why)
  }

  state({ state, why }) {
    if (state === "live") {
      this.began ??= performance.now()
      this.silences.connected()
    }
    if (state !== "ended") return this.say(state)
    this.wave.stop()
    this.audio.close()
    this.mute(false)
    this.over(why || this.summary())
  }

  summary() {
    if (!this.began) return TEXTS.idle
    return `The call is over, after ${clock((performance.now() - this.began) / 1000)}.`
  }

  say(state, text = "") {
    const on = state !== "idle"
    this.buttons.call.dataset.state = state
    $(".label", this.buttons.call).textContent = on ? "Hang up" : "Talk"
    $(".state", this.element).textContent = text || TEXTS[state]
    this.buttons.mute.disabled = !on
    for (const control of $(".composer", this.element).elements) control.disabled = state !== "live"
  }

  // --- what comes in ---

  event(event) {
    switch (event.type) {
      case "reply.audio":
        this.audio.play(event.reply_id, event.data)
        return
      case "input.speech.started":
        this.audio.flush()
        break
      case "reply.done":
        if (event.status === "interrupted") this.audio.flush()
        else this.audio.end(event.reply_id)
        break
    }
    this.conversation.take(event)
    if (event.type === "turn.metrics") this.measure(event.reply_id)
  }

  played(report) {
    this.wave.add("agent", report.at, report.peak, 0.05)
    this.element.dataset.underruns = report.underruns
    if (!report.id) return
    const { id, samples, flushed, dry, ended } = report
    if (flushed && report.dropped > 0) this.wave.mark(report.at)
    // What was rendered last is still on its way to the ear, and will get there: only a flush stops what is not rendered.
    const whole = flushed || ended || dry
    const heard = whole ? samples : Math.max(0, samples - Math.round(this.audio.latency * 24000))
    if (report.audible !== null) this.silences.audible(id, report.audible + this.audio.latency)
    this.conversation?.played(id, heard / 24000)
    this.acknowledge(id, heard, report.at, whole)
    this.measure(id)
  }

  acknowledge(id, samples, at, now) {
    const last = this.told[id] ?? { samples: 0, at: 0 }
    if (samples <= last.samples || (!now && at - last.at < ACKNOWLEDGE)) return
    this.told[id] = { samples, at }
    this.wire?.send({ type: "playout.position", reply_id: id, samples })
  }

  measure(id) {
    const item = this.conversation?.agent(id)
    if (!item?.metrics || item.silence !== null) return
    item.silence = this.silences.of(id, item.metrics)
    if (item.silence !== null) this.conversation.changed(item)
  }

  // --- what goes out ---

  frame({ pcm, peak, at }) {
    this.wave.add("caller", at, peak, 0.02)
    if (this.wire?.state !== "live") return
    this.silences.sent(pcm.byteLength / 2, at)
    this.wire.send({ type: "input.audio", audio: base64(pcm) })
  }

  write(input) {
    const text = input.value.trim()
    if (!text || this.wire?.state !== "live") return
    const speaking = this.conversation.reply
    if (speaking?.status === "speaking") this.wire.send({ type: "reply.cancel", reply_id: speaking.id })
    this.conversation.said(text)
    this.wire.send({ type: "conversation.message", role: "user", content: text })
    this.wire.send({ type: "reply.create" })
    input.value = ""
  }

  mute(muted) {
    this.audio.mute(muted)
    this.buttons.mute.setAttribute("aria-pressed", muted)
    $("span", this.buttons.mute).textContent = muted ? "Muted" : "Mute"
  }

  // --- devices ---

  async use(what, deviceId) {
    try {
      await this.audio[what](deviceId)
    } catch (error) {
      $(".state", this.element).textContent = microphoneTrouble(error)
    }
  }

  async listDevices() {
    const { microphones, speakers } = await this.audio.devices()
    const system = { id: "", name: "The system's own" }
    options($(".microphone", this.element), [system, ...microphones], this.audio.microphone)
    options($(".speaker", this.element), [system, ...speakers], this.audio.speaker)
    $(".speaker", this.element).disabled = !speakers.length
  }
}

function session(settings, { speaks, sounds }) {
  const wanted = structuredClone(settings)
  if (!speaks) wanted.input = { ...wanted.input, type: "text" }
  if (!sounds) wanted.output = { ...wanted.output, type: "text" }
  return wanted
}

function microphoneTrouble(error) {
  if (!navigator.mediaDevices) return "A browser gives the microphone only to pages of this machine, or over https."
  if (error.name === "NotAllowedError") return "The microphone was not allowed. Allow it for this page, or write."
  if (error.name === "NotFoundError") return "There is no microphone. Take the tick from “I speak”, and write."
  return `The sound could not be opened: ${error.message}`
}
