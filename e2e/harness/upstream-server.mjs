// An HTTPS API in a pod. It prints a line for every request, and one for whatever else reaches it, so that a test can assert what did.
import { createSocket } from 'node:dgram'
import { createServer } from 'node:https'
import { readFileSync } from 'node:fs'

const server = createServer(
  { key: readFileSync('/tls/tls.key'), cert: readFileSync('/tls/tls.crt') },
  (request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      console.log(
        JSON.stringify({
          method: request.method,
          path: request.url,
          body,
          authorization: request.headers.authorization ?? null,
        }),
      )
      response.setHeader('content-type', 'application/json')
      if (request.url.startsWith('/large')) response.end(JSON.stringify({ text: 'x'.repeat(1 << 20) }))
      else if (request.method === 'POST') response.end(JSON.stringify({ refunded: true }))
      else response.end(JSON.stringify({ customer: 'ada@customer.example', card: '4111 1111 1111 1111', total: 12.5 }))
    })
  },
)
const stray = (what) => console.log(JSON.stringify({ stray: what }))
// Probes connect and say nothing.
server.on('tlsClientError', (error) => error.code === 'ECONNRESET' || stray(`no TLS: ${error.code}`))
server.listen(8443)
createSocket('udp4')
  .on('message', (message) => stray(`datagram of ${message.length} bytes`))
  .bind(8443)
