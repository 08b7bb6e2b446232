// AudioWorklet: the microphone at the device's own rate in, 20 ms of 16-bit audio at 24 kHz out, with its peak.

import { Resampler } from "./resample.js"

const RATE = 24000 // Hz, on the wire
const FRAME = RATE / 50 // samples in a message

class Capture extends AudioWorkletProcessor {
  constructor() {
    super()
    this.resampler = new Resampler(sampleRate, RATE)
    this.frame = new Int16Array(FRAME)
    this.filled = 0
    this.peak = 0
    this.muted = false
    this.port.onmessage = ({ data }) => (this.muted = data.muted)
  }

  process([[channel]]) {
    // A device that gives nothing, and a muted one, are silent: the agent must not wait for the rest of a sentence.
    const heard = channel && !this.muted ? channel : new Float32Array(128)
    for (const value of this.resampler.process(heard)) {
      const size = Math.abs(value)
      if (size > this.peak) this.peak = size
      this.frame[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(value * 32768)))
      if (this.filled === FRAME) this.give()
    }
    return true
  }

  give() {
    const pcm = this.frame.buffer
    this.port.postMessage({ pcm, peak: this.peak, at: currentTime }, [pcm])
    this.frame = new Int16Array(FRAME)
    this.filled = this.peak = 0
  }
}

registerProcessor("capture", Capture)
