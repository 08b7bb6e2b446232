"""The page that shows the OpenAPI document. It loads nothing from elsewhere, so it works without a network."""

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Antiphon: REST API</title>
<style>
 :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
 body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
 details { border: 1px solid #8886; border-radius: .4rem; margin: .5rem 0; padding: .4rem .8rem }
 summary { cursor: pointer } code, pre { font: 14px/1.45 ui-monospace, monospace }
 pre { overflow-x: auto; background: #8881; padding: .6rem; border-radius: .4rem }
 .method { display: inline-block; min-width: 4.5rem; font-weight: 700 }
 td { padding: .1rem 1rem .1rem 0; vertical-align: top }
</style>
<h1>REST API</h1>
<p>The whole document: <a href="openapi.json">openapi.json</a></p>
<main>Loading&hellip;</main>
<script type="module">
const text = (tag, content, name) => {
  const element = document.createElement(tag)
  element.textContent = content
  if (name) element.className = name
  return element
}
const api = await (await fetch("openapi.json")).json()
// A $ref is shown as what it stands for; one inside itself by its name.
const resolve = (value, seen = []) => {
  if (Array.isArray(value)) return value.map(item => resolve(item, seen))
  if (typeof value !== "object" || value === null) return value
  if (value.$ref) {
    const name = value.$ref.split("/").pop()
    return seen.includes(name) ? name : resolve(api.components.schemas[name], [...seen, name])
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, seen)]))
}
const main = document.querySelector("main")
main.replaceChildren()
for (const [path, methods] of Object.entries(api.paths)) for (const [method, call] of Object.entries(methods)) {
  const details = document.createElement("details"), summary = document.createElement("summary")
  summary.append(text("span", method.toUpperCase(), "method"), text("code", path), " ", call.summary ?? "")
  details.append(summary, text("p", call.description ?? ""))
  if (call.parameters?.length) {
    const table = document.createElement("table")
    for (const parameter of call.parameters) {
      const row = document.createElement("tr")
      row.append(text("td", parameter.name), text("td", JSON.stringify(parameter.schema)))
      table.append(row)
    }
    details.append(table)
  }
  const body = call.requestBody?.content?.["application/json"]?.schema
  if (body) details.append(text("h4", "Body"), text("pre", JSON.stringify(resolve(body), null, 2)))
  for (const [status, answer] of Object.entries(call.responses)) {
    const schema = answer.content?.["application/json"]?.schema
    details.append(text("h4", status + " " + answer.description))
    if (schema) details.append(text("pre", JSON.stringify(resolve(schema), null, 2)))
  }
  main.append(details)
}
</script>
</html>
"""
