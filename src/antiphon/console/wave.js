// Two waveforms on one clock: the caller above the line, the agent below it, the present at the right edge.

const SPAN = 8 // seconds across
const BAR = 3 // CSS pixels a bar takes, with the gap

export class Wave {
  constructor(canvas, now) {
    this.canvas = canvas
    this.now = now
    this.peaks = { caller: [], agent: [] } // [time, peak, seconds before that time which it is the peak of]
    this.marks = [] // times at which the agent was interrupted
    this.drawing = null
  }

  add(side, at, peak, seconds) {
    const peaks = this.peaks[side]
    peaks.push([at, peak, seconds])
    if (peaks.length > 2000) peaks.splice(0, 1000)
  }

  mark(at) {
    this.marks.push(at)
  }

  start() {
    this.drawing ??= requestAnimationFrame(() => this.draw())
  }

  stop() {
    cancelAnimationFrame(this.drawing)
    this.drawing = null
  }

  clear() {
    this.stop()
    this.peaks = { caller: [], agent: [] }
    this.marks = []
    this.paint(0)
  }

  draw() {
    this.paint(this.now())
    this.drawing = requestAnimationFrame(() => this.draw())
  }

  paint(now) {
    const { canvas } = this
    const scale = window.devicePixelRatio || 1
    const [width, height] = [canvas.clientWidth, canvas.clientHeight]
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale)
      canvas.height = Math.round(height * scale)
    }
    const ink = canvas.getContext("2d")
    ink.setTransform(scale, 0, 0, scale, 0, 0)
    ink.clearRect(0, 0, width, height)
    const style = getComputedStyle(canvas)
    const middle = height / 2
    ink.fillStyle = style.getPropertyValue("--line")
    ink.fillRect(0, middle - 0.5, width, 1)
    this.side(ink, this.peaks.caller, now, { width, middle, up: -1, colour: style.getPropertyValue("--caller") })
    this.side(ink, this.peaks.agent, now, { width, middle, up: 1, colour: style.getPropertyValue("--agent") })
    ink.fillStyle = style.getPropertyValue("--alert")
    for (const at of this.marks) {
      const x = width - ((now - at) / SPAN) * width
      if (x > 0) ink.fillRect(x, middle, 2, middle)
    }
  }

  side(ink, peaks, now, { width, middle, up, colour }) {
    const step = (SPAN * BAR) / width // seconds a bar stands for
    const bars = new Map()
    for (let i = peaks.length - 1; i >= 0 && peaks[i][0] > now - SPAN; i--) {
      const [at, peak, seconds] = peaks[i]
      const last = Math.floor(at / step)
      for (let bar = Math.floor((at - seconds) / step) + 1; bar <= last; bar++)
        bars.set(bar, Math.max(bars.get(bar) ?? 0, peak))
    }
    ink.fillStyle = colour
    for (const [bar, peak] of bars) {
      const size = Math.max(1, Math.sqrt(Math.min(peak, 1)) * (middle - 8))
      const x = width - (now / step - bar) * BAR
      ink.beginPath()
      ink.roundRect(x, up < 0 ? middle - 1 - size : middle + 1, BAR - 1, size, 1)
      ink.fill()
    }
  }
}
