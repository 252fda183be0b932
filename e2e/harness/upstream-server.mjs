// An HTTPS API in a pod. It prints a line for every connection and every request, so that a test can assert what reached it.
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
      if (request.method === 'POST') response.end(JSON.stringify({ refunded: true }))
      else response.end(JSON.stringify({ customer: 'ada@customer.example', card: '4111 1111 1111 1111', total: 12.5 }))
    })
  },
)
server.on('secureConnection', () => console.log('{"connection":true}'))
server.listen(8443)
