// Making elements, briefly. Text is always text: nothing here parses HTML.

export const $ = (selector, within = document) => within.querySelector(selector)

// el("p", {class: "note", onclick: …, dataset: {…}}, "text", otherElement)
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue
    if (name === "dataset") Object.assign(element.dataset, value)
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? "" : value)
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false))
  return element
}

const SVG = "http://www.w3.org/2000/svg"

export function icon(path) {
  const svg = document.createElementNS(SVG, "svg")
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }))
    svg.setAttribute(name, value)
  const shape = document.createElementNS(SVG, "path")
  shape.setAttribute("d", path)
  svg.append(shape)
  return svg
}

export function options(select, items, chosen) {
  select.replaceChildren(...items.map(({ id, name }) => el("option", { value: id, selected: id === chosen }, name)))
}

export const ms = value => `${Math.round(value).toLocaleString("en")} ms`

export function clock(seconds) {
  const whole = Math.floor(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`
}

export function dollars(value) {
  if (value === null || value === undefined) return "price unknown"
  if (value === 0) return "$0"
  return value < 0.01 ? `$${value.toPrecision(2)}` : `$${value.toFixed(3)}`
}
