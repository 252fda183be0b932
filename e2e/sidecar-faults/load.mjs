// Runs in an agent: calls an API over and over, and tries as often to get past the sidecar. Prints a line for every attempt; ends
// once /tmp/stop is there. Arguments: base URL, address and port of the API behind it.
import { createSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const [base, address, port] = process.argv.slice(2)
const print = (attempt) => console.log(JSON.stringify(attempt))
const goesOn = () => !existsSync('/tmp/stop')
let calls = 0

async function call() {
  const path = `/load/${++calls}`
  try {
    const response = await fetch(base + path)
    await response.text()
    print({ path, outcome: response.status })
  } catch (error) {
    print({ path, outcome: error.cause?.code ?? error.name })
  }
  await sleep(20)
}

function escape() {
  const datagram = createSocket('udp4')
  datagram.on('error', () => undefined)
  datagram.send('ESCAPE', Number(port), address, () => datagram.close())
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: Number(port) }, () => socket.end('ESCAPE\r\n'))
    socket.on('error', (error) => print({ direct: error.code }))
    socket.on('close', resolve).resume()
  }).then(() => sleep(50))
}

const repeat = async (attempt) => {
  while (goesOn()) await attempt()
}
await Promise.all([...Array.from({ length: 4 }, () => repeat(call)), repeat(escape)])
process.exit()
