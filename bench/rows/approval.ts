// From a person's decision to the held request at the upstream, through the director's socket and the control stream.
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { startChaperoneRun } from '../rig/chaperone-run.ts'
import { quantile, report } from '../rig/measure.ts'
import { sleep } from '../rig/process.ts'
import { createWorkspace, host } from '../rig/workspace.ts'

const approvals = 100
const warmUp = 10

const workspace = await createWorkspace()
const { key, certificate } = await workspace.authority.issue(host)
let arrived: (() => void) | undefined
const origin = createServer({ key, cert: certificate }, (_request, response) => {
  arrived?.()
  response.end('done')
}).listen(0, '127.0.0.1')
await once(origin, 'listening')
const { port } = origin.address() as AddressInfo
const chaperone = await startChaperoneRun(workspace, {
  rules: [{ name: 'held', to: { hosts: [host], ports: [port] }, action: 'Approve', approval: { hold: '90s' } }],
  audit: 'RequestResponse',
  resolve: [`${host}:${port}:127.0.0.1`],
})

/** What waits, once it does. */
async function pending(): Promise<string> {
  for (;;) {
    const found = (await chaperone.approvals()).find(({ state }) => state.outcome === 'Pending')
    if (found !== undefined) return found.state.name
    await sleep(10)
  }
}

const asking = chaperone.execute(
  process.execPath,
  join(import.meta.dirname, '../rig/ask.ts'),
  `https://${host}:${port}/refunds`,
  String(approvals + warmUp),
)
const elapsed: number[] = []
for (let at = 0; at < approvals + warmUp; at++) {
  const name = await pending()
  const reached = new Promise<number>((resolve) => (arrived = () => resolve(performance.now())))
  const decided = performance.now()
  await chaperone.approve(name)
  elapsed.push((await reached) - decided)
}
await asking
report(
  `approval decided to request at the upstream, ${approvals} approvals`,
  new Map([
    ['chaperone', { 'p50 ms': quantile(elapsed.slice(warmUp), 0.5), 'p99 ms': quantile(elapsed.slice(warmUp), 0.99) }],
  ]),
)
await chaperone.stop()
origin.closeAllConnections()
origin.close()
