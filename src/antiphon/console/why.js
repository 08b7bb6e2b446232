// Why a turn took as long as it did: its spans on one line, which add up to the silence that was heard.

import { dollars, el, ms } from "./dom.js"

const MEANING = {
  uplink: "to the server",
  endpointing: "waiting for the end of the turn",
  stt: "final transcript",
  llm: "model's first token",
  chunking: "first clause",
  tts: "first sound of the voice",
  playout: "due to be played",
  downlink: "to this page",
  "network and devices": "from the microphone, and to the ear",
}

export function why(item) {
  return el("div", { class: "turn" }, asked(item), silence(item), tools(item), cost(item))
}

// What the page measured, and the server could not: the way to it and back, and both devices.
export function spansOf({ metrics, silence }) {
  const spans = metrics.spans.map(span => ({ ...span }))
  if (silence === null) return { spans, total: metrics.total }
  const rest = silence - metrics.total
  spans.push({ name: "network and devices", ms: rest, estimated: false, over_budget: false })
  return { spans, total: silence }
}

function asked({ asked, words, text }) {
  const said = text ?? words.map(word => word.text).join("")
  return el(
    "p",
    { class: "gist" },
    asked ? el("q", { class: "caller-said" }, asked) : el("span", { class: "hint" }, "Nobody had asked."),
    " ",
    el("span", { class: "agent-said" }, said.length > 80 ? `${said.slice(0, 78)}…` : said),
  )
}

function silence(item) {
  if (!item.metrics) return el("p", { class: "hint" }, "This reply broke no silence of the caller's.")
  const { spans, total } = spansOf(item)
  let at = 0
  const rows = spans.map(span => {
    const row = line(span, at, total)
    at += span.ms
    return row
  })
  return el(
    "figure",
    { class: "waterfall" },
    el("figcaption", {}, el("strong", { class: "total" }, ms(total)), " of silence"),
    el(
      "table",
      {},
      el("thead", { class: "unseen" }, el("tr", {}, el("th", {}, "Span"), el("th", {}, "When"), el("th", {}, "Time"))),
      el("tbody", {}, rows),
    ),
  )
}

function line(span, at, total) {
  const bar = el("i", { class: "bar", dataset: { span: span.name } })
  bar.style.setProperty("--from", `${(100 * Math.max(at, 0)) / total}%`)
  bar.style.setProperty("--size", `${(100 * Math.max(span.ms, 0)) / total}%`)
  const name = span.name === "network and devices" ? "way" : span.name
  return el(
    "tr",
    { class: span.over_budget ? "over" : null, dataset: { ms: span.ms } },
    el("th", { scope: "row", title: MEANING[span.name] ?? "" }, name),
    el("td", { class: "track" }, bar),
    el(
      "td",
      { class: "ms" },
      `${span.estimated ? "≈ " : ""}${ms(span.ms)}`,
      span.over_budget ? el("span", { class: "flag" }, " over budget") : null,
    ),
  )
}

function tools({ tools }) {
  if (!tools.length) return null
  return el(
    "div",
    { class: "tools" },
    el("h3", {}, "Tools"),
    tools.map(call =>
      el(
        "details",
        { open: tools.length === 1 },
        el("summary", {}, el("code", {}, call.name), call.ms === null ? "" : ` ${ms(call.ms)}`),
        el("pre", { tabindex: "0" }, JSON.stringify(call.arguments, null, 1)),
        call.result === null ? null : el("pre", { class: call.error ? "bad" : null, tabindex: "0" }, call.result),
      ),
    ),
  )
}

function cost({ cost }) {
  if (!cost) return null
  const parts = [
    ["heard", `${cost.stt_seconds.toFixed(1)} s`, cost.stt_usd],
    ["tokens", `${cost.input_tokens} in, ${cost.output_tokens} out`, cost.llm_usd],
    ["spoken", `${cost.tts_characters} characters`, cost.tts_usd],
  ]
  return el(
    "dl",
    { class: "cost" },
    parts.map(([name, amount, usd]) => [
      el("dt", {}, name),
      el("dd", {}, amount),
      el("dd", { class: "usd" }, dollars(usd)),
    ]),
    el("dt", {}, "turn"),
    el("dd", {}, cost.estimated ? "in part estimated" : ""),
    el("dd", { class: "usd" }, el("strong", {}, dollars(cost.usd))),
  )
}
