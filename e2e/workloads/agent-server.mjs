// What an agent might run: an API on a declared port, one that it keeps to itself, a hook, and the health service of gRPC.
import { createServer } from 'node:http'
import { hostname } from 'node:os'
import { Server, ServerCredentials } from '@grpc/grpc-js'

let health = 1 // SERVING (grpc.health.v1.HealthCheckResponse)
const asIs = (bytes) => bytes
const check = {
  path: '/grpc.health.v1.Health/Check',
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
}
const grpc = new Server()
grpc.addService({ check }, { check: (_call, answer) => answer(null, Buffer.from([0x08, health])) })
grpc.bindAsync('0.0.0.0:5000', ServerCredentials.createInsecure(), (error) => {
  if (error) throw error
})

createServer((request, response) => {
  if (request.url === '/sick') health = 2 // NOT_SERVING
  console.log(request.url)
  response.end('served')
}).listen(8080)
createServer((_, response) => response.end('private')).listen(9090)
// The kubelet calls it before it stops the container.
createServer((request, response) => {
  fetch(`${process.env.API}${request.url}?of=${hostname()}`).then(
    ({ status }) => response.end(String(status)),
    (error) => response.writeHead(500).end(String(error)),
  )
}).listen(9191)
process.on('SIGTERM', () => process.exit())
