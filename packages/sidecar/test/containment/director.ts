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

/** Hosts that the session allows; what they resolve to is the name server's to say. */
export const allowedHosts = ['steady.test', 'resetting.test', 'rebinding.test', '*.wild.test'] as const

const session = {
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'AgentSession',
  metadata: { name: 'vectors', namespace: 'default', uid: 'session' },
  spec: {
    agent: { name: 'hostile' },
    egress: {
      rules: [{ name: 'web', to: { hosts: allowedHosts, ports: [80, 443, sidecarPorts.health] }, action: 'Allow' }],
    },
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
