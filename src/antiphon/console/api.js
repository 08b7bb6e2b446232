// The REST half of the server, and the key that it may want.

const KEPT = "antiphon.key"

export class ApiError extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

export async function api(path, { method = "GET", body } = {}) {
  const answer = await fetch(address(path), {
    method,
    headers: { ...authorization(), ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body && JSON.stringify(body),
  })
  if (answer.status === 401) {
    await askForKey()
    return api(path, { method, body })
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}))
    throw new ApiError(answer.status, told.message ?? `The server answered ${answer.status}.`)
  }
  return answer.status === 204 ? null : answer.json()
}

export const address = path => new URL(`v1/${path}`, document.baseURI)

// A credential for a WebSocket, which cannot send headers; "" where the server wants none.
export async function sessionToken() {
  if (!key()) return ""
  return (await api("tokens", { method: "POST", body: {} })).token
}

const key = () => sessionStorage.getItem(KEPT)

const authorization = () => (key() ? { Authorization: `Bearer ${key()}` } : {})

let asking = null // one dialog for all who wait

function askForKey() {
  asking ??= new Promise(resolve => {
    const dialog = document.querySelector("dialog.key")
    const input = dialog.querySelector("input")
    input.value = ""
    dialog.showModal()
    dialog.oncancel = event => event.preventDefault()
    dialog.onclose = () => {
      sessionStorage.setItem(KEPT, input.value)
      asking = null
      resolve()
    }
  })
  return asking
}
