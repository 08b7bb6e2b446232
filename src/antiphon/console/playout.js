// AudioWorklet: the agent's voice. Replies at 24 kHz in; sound at the device's rate out, and how far each was played.
//
// Audio waits in a buffer until there is enough of it to bridge the network's jitter. A buffer that runs dry in the
// middle of a reply fills up a little further the next time; nothing is ever dropped but by a flush.

import { Resampler } from "./resample.js"

const RATE = 24000 // Hz, on the wire
const LEAST = 0.06 // seconds buffered before a reply begins
const MOST = 0.24
const SHORT = 0.4 // seconds; a longer gap was no jitter: the agent held its breath
const TELL = 0.05 // seconds between two reports
const FADE = 0.005 // seconds in which a flushed reply falls silent
const PATIENCE = 0.15 // seconds after which a reply that is shorter than that begins
const AUDIBLE = 104 / 32768 // of full scale; the same threshold as the server's

class Playout extends AudioWorkletProcessor {
  constructor() {
    super()
    this.replies = [] // {id, pieces, got, played, ended}; the first is played
    this.target = LEAST * sampleRate
    this.playing = false
    this.since = 0 // when the first piece came that is not played yet
    this.dry = null // when it ran dry
    this.stats = { underruns: 0, longest: 0 }
    this.peak = 0
    this.told = 0
    this.port.onmessage = ({ data }) => this[data.do](data)
  }

  // --- what the page says ---

  audio({ id, samples }) {
    let reply = this.replies.find(each => each.id === id)
    if (!reply) {
      reply = { id, pieces: [], offset: 0, got: 0, made: 0, played: 0, audible: null, ended: false }
      reply.whole = { got: 0, made: 0 } // so much of it was played to the last sample
      reply.resampler = new Resampler(RATE, sampleRate)
      this.replies.push(reply)
    }
    reply.got += samples.length
    reply.open = true // the resampler holds its last samples back
    this.put(reply, reply.resampler.process(samples))
    if (!this.playing && !this.since) this.since = currentTime
    if (this.dry !== null && reply === this.replies[0]) this.refilled()
  }

  end({ id }) {
    const reply = this.replies.find(each => each.id === id)
    if (!reply || reply.ended) return
    this.complete(reply)
    reply.ended = true
  }

  flush() {
    const [reply] = this.replies
    if (reply) {
      this.tail = this.take(reply, Math.round(FADE * sampleRate))
      for (let i = 0; i < this.tail.length; i++) this.tail[i] *= 1 - i / this.tail.length
      this.tell(reply, { flushed: true, dropped: reply.got - this.heard(reply) })
    }
    this.replies = []
    this.stop()
  }

  // --- the buffer ---

  put(reply, samples) {
    if (samples.length) reply.pieces.push(samples)
    reply.made += samples.length
  }

  take(reply, count) {
    const taken = new Float32Array(Math.min(count, reply.made - reply.played))
    for (let filled = 0; filled < taken.length; ) {
      const [piece] = reply.pieces
      const part = piece.subarray(reply.offset, reply.offset + taken.length - filled)
      taken.set(part, filled)
      filled += part.length
      reply.offset += part.length
      if (reply.offset === piece.length) {
        reply.pieces.shift()
        reply.offset = 0
      }
    }
    if (reply.audible === null) {
      const first = taken.findIndex(value => Math.abs(value) >= AUDIBLE)
      if (first >= 0) reply.audible = currentTime + first / sampleRate
    }
    reply.played += taken.length
    return taken
  }

  complete(reply) {
    if (reply.open) this.put(reply, reply.resampler.finish())
    reply.open = false
  }

  // In samples as received.
  heard({ whole, got, played }) {
    return Math.min(got, whole.got + Math.floor((Math.max(0, played - whole.made) * RATE) / sampleRate))
  }

  refilled() {
    const gap = currentTime - this.dry
    this.dry = null
    if (gap > SHORT) return
    this.stats.underruns++
    this.stats.longest = Math.max(this.stats.longest, gap)
    this.target = Math.min(this.target * 1.5, MOST * sampleRate)
  }

  stop() {
    this.playing = false
    this.since = 0
    this.dry = null
  }

  isFull() {
    const [reply] = this.replies
    if (!reply) return false
    const waiting = reply.made - reply.played
    return waiting >= this.target || reply.ended || (waiting > 0 && currentTime - this.since > PATIENCE)
  }

  // --- the sound ---

  process(_, [[out]]) {
    let filled = this.fade(out)
    if (!this.playing && this.isFull()) this.playing = true
    while (this.playing && filled < out.length) {
      const [reply] = this.replies
      if (!reply) {
        this.stop()
      } else if (reply.played < reply.made) {
        const part = this.take(reply, out.length - filled)
        out.set(part, filled)
        filled += part.length
      } else if (reply.ended) {
        reply.whole = { got: reply.got, made: reply.made }
        this.tell(reply, { ended: true })
        this.replies.shift()
        this.target = Math.max(this.target * 0.95, LEAST * sampleRate)
      } else if (reply.open) {
        this.complete(reply)
      } else {
        reply.whole = { got: reply.got, made: reply.made }
        this.tell(reply, { dry: true })
        this.stop()
        this.dry = currentTime
      }
    }
    for (const value of out) this.peak = Math.max(this.peak, Math.abs(value))
    if (currentTime - this.told >= TELL) this.tell(this.replies[0])
    return true
  }

  fade(out) {
    if (!this.tail?.length) return 0
    const part = this.tail.subarray(0, out.length)
    out.set(part)
    this.tail = this.tail.subarray(part.length)
    return part.length
  }

  tell(reply, more = {}) {
    const { id = null, audible = null } = reply ?? {}
    const buffered = reply ? (reply.made - reply.played) / sampleRate : 0
    const samples = reply ? this.heard(reply) : 0
    this.port.postMessage({ id, samples, audible, buffered, peak: this.peak, at: currentTime, ...this.stats, ...more })
    this.peak = 0
    this.told = currentTime
  }
}

registerProcessor("playout", Playout)
