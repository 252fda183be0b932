// From the start of the sidecar's process to its listeners serving under a policy.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { agentSession, controlPaths, parseResource, type AgentSession } from '@chaperone/api'
import { resolvePolicy } from '@chaperone/policy'
import { quantile, report } from '../rig/measure.ts'
import { start } from '../rig/process.ts'
import { createWorkspace, host } from '../rig/workspace.ts'

const runs = 20
const sidecar = join(import.meta.dirname, '../../dist/sidecar/sidecar.mjs')
const workspace = await createWorkspace()

const parsed = parseResource<AgentSession>(agentSession, {
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'AgentSession',
  metadata: { name: 'bench' },
  spec: { agent: { name: 'bench' }, egress: { rules: [{ name: 'all', to: { hosts: [host] }, action: 'Allow' }] } },
})
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
const policy = resolvePolicy({ session: parsed.resource, policies: [], clusterPolicies: [] })
const pod = { namespace: 'bench', name: 'bench', uid: 'bench' }

/** The director's part of the control protocol, as far as a start needs it. */
const socket = join(workspace.directory, 'control.sock')
const director = createServer((request, response) => {
  if (request.url !== controlPaths.events) return void response.writeHead(204).end()
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.write(`${JSON.stringify({ type: 'policy', policy, pod })}\n`)
}).listen(socket)
await once(director, 'listening')

async function startOnce(run: number): Promise<number> {
  const folder = workspace.folder(`run-${run}`)
  const from = performance.now()
  const { child, stop } = start(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--liftoff-only', '--max-semi-space-size=2', sidecar],
    {
      core: 'proxy',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        CHAPERONE_CONTROL_URL: `unix:${socket}`,
        CHAPERONE_PRIVATE_DIR: folder,
        CHAPERONE_TRUST_DIR: folder,
        CHAPERONE_AUDIT_DIR: join(folder, 'wal'),
        CHAPERONE_AUDIT_FILE: join(folder, 'audit.jsonl'),
        CHAPERONE_INHERIT: 'true',
        CHAPERONE_HEALTH: '127.0.0.1:0',
      },
    },
  )
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the sidecar ended with ${code ?? 'a signal'}`)))
    child.on('message', ({ type }: { type?: string }) => {
      if (type === 'send-listeners') child.send({ type: 'listeners-sent' })
      if (type === 'serving') resolve()
    })
  })
  const elapsed = performance.now() - from
  child.removeAllListeners('exit')
  const ended = once(child, 'exit')
  await Promise.all([stop(), ended])
  return elapsed
}

await startOnce(0)
const elapsed: number[] = []
for (let run = 1; run <= runs; run++) elapsed.push(await startOnce(run))
const bare: number[] = []
for (let run = 0; run < runs; run++) {
  const from = performance.now()
  await once(start(process.execPath, ['--eval', ''], { core: 'proxy' }).child, 'exit')
  bare.push(performance.now() - from)
}
const sample = (values: readonly number[]) => ({
  'median ms': quantile(values, 0.5),
  'slowest ms': Math.max(...values),
})
report(
  `start to serving under a policy, ${runs} runs`,
  new Map([
    ['chaperone', sample(elapsed)],
    ['node that does nothing', sample(bare)],
  ]),
)
director.closeAllConnections()
director.close()
