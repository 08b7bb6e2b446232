// Changing the sample rate of a stream: a windowed sinc, tabulated at fractions of a sample.

const TAPS = 16 // samples on each side of the one that is made
const STEPS = 256 // fractions of a sample in the table

export class Resampler {
  constructor(from, to) {
    this.ratio = from / to
    this.same = from === to
    this.cutoff = Math.min(1, to / from)
    this.reach = Math.ceil(TAPS / this.cutoff)
    this.table = this.same ? null : tabulate(this.cutoff, this.reach)
    this.reset()
  }

  reset() {
    this.input = new Float32Array(this.reach) // what came before the first sample is silence
    this.at = this.reach // where in `input` the next sample is made
  }

  // Float32Array in, Float32Array out; the last few samples wait for those after them.
  process(samples) {
    if (this.same) return samples
    const input = new Float32Array(this.input.length + samples.length)
    input.set(this.input)
    input.set(samples, this.input.length)
    const count = Math.max(0, Math.ceil((input.length - this.reach - this.at) / this.ratio))
    const made = new Float32Array(count)
    const { table, reach } = this
    for (let n = 0; n < count; n++) {
      const at = this.at + n * this.ratio
      const whole = Math.floor(at)
      const fraction = Math.round((at - whole) * STEPS)
      let sum = 0
      for (let k = 1 - reach; k <= reach; k++) sum += (input[whole + k] ?? 0) * table[Math.abs(k * STEPS - fraction)]
      made[n] = sum
    }
    this.at += count * this.ratio
    const done = Math.max(0, Math.floor(this.at) - reach)
    this.input = input.slice(done)
    this.at -= done
    return made
  }

  // The rest, at the end of a stream.
  finish() {
    const rest = this.process(new Float32Array(this.reach + 1))
    this.reset()
    return rest
  }
}

function tabulate(cutoff, reach) {
  const size = reach * STEPS + 1
  const table = new Float32Array(size + STEPS)
  for (let i = 0; i < size; i++) {
    const x = i / STEPS
    const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / reach)
    const sinc = i ? Math.sin(Math.PI * cutoff * x) / (Math.PI * x) : cutoff
    table[i] = sinc * window
  }
  return table
}
