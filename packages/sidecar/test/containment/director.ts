import { once } from 'node:events'
import { createServer } from 'node:http'
import {
  agentSession,
  controlPaths,
  parseResource,
  type AgentSession,
  type ControlEvent,
  type Heartbeat,
} from '@chaperone/api'
import { sidecarPorts } from '@chaperone/guard'
import { resolvePolicy } from '@chaperone/policy'

/** Plays the operator for one sidecar, over a unix socket. */
export interface Director {
  /** Resolves when a sidecar that connects after this call reports the policy. */
  nextDirected(): Promise<void>
  close(): void
}

/** What the session allows; what the names resolve to is the name server's to say. */
const webHosts = ['steady.test', 'resetting.test', '*.wild.test', '*.default.svc']
const rules = [
  { name: 'web', to: { hosts: webHosts, ports: [80, 443, 10_250, sidecarPorts.health] }, action: 'Allow' },
  { name: 'database', to: { hosts: ['*.database.test'], protocol: 'Postgres' }, action: 'Allow' },
  { name: 'unread', to: { hosts: ['*.unread.test'], tls: 'Passthrough' }, action: 'Allow' },
  { name: 'listed', to: { hosts: ['listed.test'], cidrs: ['10.96.0.0/12'] }, action: 'Allow' },
]

const session = {
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'AgentSession',
  metadata: { name: 'vectors', namespace: 'default', uid: 'session' },
  spec: {
    agent: { name: 'hostile' },
    egress: { rules },
    audit: { level: 'Metadata' },
  },
}

export async function startDirector(socketPath: string): Promise<Director> {
  const parsed = parseResource<AgentSession>(agentSession, session)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const policy = resolvePolicy({ session: parsed.resource, policies: [], clusterPolicies: [] })
  const event: ControlEvent = { type: 'policy', policy, pod: { namespace: 'default', name: 'pod', uid: 'pod' } }
  let waiting: (() => void)[] = []
  const server = createServer((request, response) => {
    if (request.url === controlPaths.events) {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).write(`${JSON.stringify(event)}\n`)
      return
    }
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
    request.on('end', () => {
      response.writeHead(204).end()
      if (request.url !== controlPaths.heartbeat || (JSON.parse(text) as Heartbeat).policyHash === undefined) return
      for (const resolve of waiting.splice(0)) resolve()
    })
  })
  server.listen(socketPath)
  await once(server, 'listening')
  return {
    nextDirected: () => new Promise((resolve) => waiting.push(resolve)),
    close() {
      waiting = []
      server.closeAllConnections()
      server.close()
    },
  }
}
