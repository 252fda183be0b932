// The vendors' APIs in one pod, each at its own name. Prints a line for every request, so that a test can assert what came.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { createRequire } from 'node:module'
import { setImmediate } from 'node:timers/promises'
import { URL } from 'node:url'
import { zstdDecompressSync } from 'node:zlib'
import { Rejected } from './expectations.mjs'
import { vendors } from './vendors.mjs'

const { WebSocketServer } = createRequire(process.env.CLIENTS ?? '/opt/clients/')('ws')
const note = (line) => console.log(JSON.stringify(line))

function seen({ headers, method, url }) {
  return { host: (headers.host ?? '').replace(/:443$/, ''), method, path: url, agent: headers['user-agent'] }
}

function routeOf({ host, method, path }, headers) {
  const vendor = vendors[host]
  const route = vendor?.route(`${method} ${path.split('?', 1)[0]}`)
  if (route === undefined) throw new Rejected(404, [`${path}: not found`])
  if (!vendor.isKnown(headers)) throw new Rejected(401, ['invalid API key'])
  return route
}

const isJson = (headers) => (headers['content-type'] ?? '').startsWith('application/json')

function answer(asked, headers, bytes) {
  const route = routeOf(asked, headers)
  const decoded = headers['content-encoding'] === 'zstd' ? zstdDecompressSync(bytes) : bytes
  const body = isJson(headers) ? JSON.parse(decoded.toString()) : undefined
  return route({ method: asked.method, url: new URL(asked.path, `https://${asked.host}`), headers, bytes, body })
}

/** Both with status and problem, for the line and for the client. */
const failure = (error) => ({ status: error instanceof Rejected ? error.status : 500, problem: error.message })

const server = createServer(
  {
    key: readFileSync(process.env.TLS_KEY ?? '/secrets/tls.key'),
    cert: readFileSync(process.env.TLS_CERT ?? '/secrets/tls.crt'),
  },
  (request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const asked = seen(request)
      let answered
      try {
        answered = answer(asked, request.headers, Buffer.concat(chunks))
      } catch (error) {
        const { status, problem } = failure(error)
        note({ ...asked, status, problem })
        const json = { type: 'error', error: { type: 'invalid_request_error', message: problem } }
        return void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
      }
      const { status = 200, json, events, text, type = 'application/json', headers = {} } = answered
      note({ ...asked, status })
      if (events === undefined)
        return void response.writeHead(status, { 'content-type': type, ...headers }).end(text ?? JSON.stringify(json))
      response.writeHead(status, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
      void send(events, (event) => response.write(eventLines(event))).then(() => response.end())
    })
  },
)

function eventLines({ name, data }) {
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
}

/** An event a turn, so that they are no one write. */
async function send(events, write) {
  for (const event of events) {
    write(event)
    await setImmediate()
  }
}

// Responses over a WebSocket: a message asks, and each event is a message.
const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  const asked = { ...seen(request), method: 'POST' }
  let route
  try {
    route = routeOf(asked, request.headers)
  } catch (error) {
    const { status, problem } = failure(error)
    note({ ...asked, method: 'UPGRADE', status, problem })
    return void socket.end(`HTTP/1.1 ${status} Declined\r\ncontent-length: 0\r\n\r\n`)
  }
  sockets.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.on('message', (message) => {
      try {
        const { type, ...body } = JSON.parse(message.toString())
        if (type !== 'response.create') throw new Rejected(400, ['type: expected response.create'])
        const { events } = route({ headers: request.headers, body: { ...body, stream: true } })
        note({ ...asked, method: 'MESSAGE', status: 200 })
        void send(events, ({ data }) => webSocket.send(JSON.stringify(data)))
      } catch (error) {
        const { status, problem } = failure(error)
        note({ ...asked, method: 'MESSAGE', status, problem })
        webSocket.send(
          JSON.stringify({ type: 'error', status, error: { type: 'invalid_request_error', message: problem } }),
        )
      }
    })
  })
})

// Probes connect and say nothing.
server.on('tlsClientError', (error) => error.code === 'ECONNRESET' || note({ stray: error.code }))
server.listen(Number(process.env.PORT ?? 443), process.env.ADDRESS)
