// Times TLS handshakes with names that the proxy has not seen, then with the same ones again: handshakes.ts PORT COUNT
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as secure } from 'node:tls'
import { quantile } from './measure.ts'

const [, , port = '', count = ''] = process.argv
const names = Array.from({ length: Number(count) }, (_, at) => `n${at}.first.bench.test`)

/** Milliseconds from the ClientHello on; name and connection are there already. */
async function handshake(servername: string): Promise<number> {
  const { address } = await lookup(servername, { family: 4 })
  const socket = connect(Number(port), address)
  await once(socket, 'connect')
  const from = performance.now()
  const secured = secure({ socket, servername })
  await once(secured, 'secureConnect')
  const elapsed = performance.now() - from
  secured.destroy()
  return elapsed
}

async function all(): Promise<{ 'p50 ms': number; 'p99 ms': number }> {
  const times: number[] = []
  for (const name of names) times.push(await handshake(name))
  return { 'p50 ms': quantile(times, 0.5), 'p99 ms': quantile(times, 0.99) }
}

process.stdout.write(JSON.stringify({ first: await all(), again: await all() }))
