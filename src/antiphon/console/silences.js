// How long the caller really heard nothing: from the last voiced sample that the microphone took, to the first audible
// one that reached the ear. Both are known to the sample here; the server knows what lies between.

const RATE = 24000 // Hz, on the wire

export class Silences {
  constructor() {
    this.frames = [] // [samples sent before it, time its last sample was taken, samples]
    this.count = 0
    this.first = {} // reply → time of its first audible sample
    this.connections = 0
  }

  // What was sent over a connection that broke may not have arrived: from then on the counts are not sure to agree.
  connected() {
    this.connections++
  }

  sent(samples, at) {
    this.frames.push([this.count, at, samples])
    this.count += samples
    if (this.frames.length > 3000) this.frames.splice(0, 1000)
  }

  audible(id, at) {
    this.first[id] ??= at
  }

  // In milliseconds; null while it is not known. `lastVoice`: milliseconds of sent audio up to the last voiced sample.
  of(id, { lastVoice }) {
    if (lastVoice === null || this.first[id] === undefined || this.connections > 1) return null
    const sample = (lastVoice * RATE) / 1000
    const frame = this.frames.findLast(([before]) => before <= sample)
    if (!frame) return null
    const [before, at, samples] = frame
    return (this.first[id] - (at - (before + samples - sample) / RATE)) * 1000
  }
}
