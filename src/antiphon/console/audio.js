// The devices: a microphone that gives frames, and a loudspeaker that says how far it has come.

const RATE = 24000 // Hz, on the wire

export class Audio extends EventTarget {
  // Emits "frame" {pcm, peak, at}, "played" {id, samples, …} and "devices". Times are in seconds of `now`.

  constructor() {
    super()
    this.muted = false
    this.microphone = this.speaker = "" // device ids; "": the system's own
    this.level = null
  }

  get now() {
    return this.context?.currentTime ?? 0
  }

  // Seconds from a sample's being rendered to its being heard.
  get latency() {
    return (this.context?.baseLatency || 0) + (this.context?.outputLatency || 0)
  }

  // Must be called while a click or key is being handled, or no browser lets it sound. Without `listen` there is no
  // microphone.
  async open({ listen = true } = {}) {
    const context = (this.context = new AudioContext({ latencyHint: "interactive" }))
    const here = name => new URL(name, import.meta.url)
    await Promise.all([
      context.resume(),
      context.audioWorklet.addModule(here("playout.js")),
      context.audioWorklet.addModule(here("capture.js")),
    ])
    this.playout = new AudioWorkletNode(context, "playout", { numberOfInputs: 0, outputChannelCount: [1] })
    this.playout.port.onmessage = ({ data }) => this.emit("played", data)
    this.playout.connect(context.destination)
    if (this.speaker) await this.speakThrough(this.speaker)
    if (listen) await this.listenTo(this.microphone)
    navigator.mediaDevices?.addEventListener("devicechange", () => this.emit("devices"))
    this.emit("devices")
  }

  async close() {
    this.stream?.getTracks().forEach(track => track.stop())
    const context = this.context
    this.context = this.stream = this.source = this.capture = this.playout = null
    if (context && context.state !== "closed") await context.close()
  }

  async listenTo(deviceId) {
    this.microphone = deviceId
    if (!this.context) return
    // What is taken out as noise, the models that listen would rather have.
    const wanted = { echoCancellation: true, noiseSuppression: false, autoGainControl: true, channelCount: 1 }
    if (deviceId) wanted.deviceId = { exact: deviceId }
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted })
    this.stream?.getTracks().forEach(track => track.stop())
    this.source?.disconnect()
    this.stream = stream
    this.source = new MediaStreamAudioSourceNode(this.context, { mediaStream: stream })
    if (!this.capture) {
      this.capture = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 })
      this.capture.port.onmessage = ({ data }) => this.emit("frame", data)
    }
    this.source.connect(this.capture)
    this.mute(this.muted)
  }

  async speakThrough(deviceId) {
    this.speaker = deviceId
    await this.context?.setSinkId?.(deviceId)
  }

  mute(muted) {
    this.muted = muted
    this.capture?.port.postMessage({ muted })
  }

  // A piece of a reply, in base64.
  play(id, data) {
    if (!this.playout) return
    const bytes = Uint8Array.from(atob(data), char => char.charCodeAt(0))
    const pcm = new Int16Array(bytes.buffer)
    const samples = Float32Array.from(pcm, value => value / 32768)
    this.playout.port.postMessage({ do: "audio", id, samples }, [samples.buffer])
  }

  end(id) {
    this.playout?.port.postMessage({ do: "end", id })
  }

  flush() {
    this.playout?.port.postMessage({ do: "flush" })
  }

  // {microphones, speakers}, each [{id, name}]. Names are known once a microphone was allowed.
  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? []
    const of = kind =>
      all
        .filter(device => device.kind === kind && device.deviceId && device.deviceId !== "default")
        .map((device, n) => ({ id: device.deviceId, name: device.label || `Device ${n + 1}` }))
    return { microphones: of("audioinput"), speakers: "setSinkId" in AudioContext.prototype ? of("audiooutput") : [] }
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }))
  }
}

export function base64(buffer) {
  let text = ""
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte)
  return btoa(text)
}

export const toSamples = seconds => Math.round(seconds * RATE)
