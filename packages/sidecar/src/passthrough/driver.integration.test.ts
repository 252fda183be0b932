import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { agentSession, parseResource, type AgentSession } from '@chaperone/api'
import { systemClock, systemRandom } from '@chaperone/core'
import { compilePolicy, resolvePolicy, type CompiledPolicy } from '@chaperone/policy'
import type { Engine } from '../engine/engine.ts'
import { createPassthroughDriver } from './driver.ts'

const target = { host: 'api.example.test', port: 443 }
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const listen = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => void server.close())
  return (server.address() as AddressInfo).port
}

const policyOf = (rule: object): CompiledPolicy => {
  const parsed = parseResource<AgentSession>(agentSession, {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin' },
    spec: { agent: { name: 'devin' }, egress: { rules: [rule] } },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return compilePolicy(resolvePolicy({ session: parsed.resource, policies: [], clusterPolicies: [] }))
}
const passing = (cidrs: readonly string[], name = 'pass') => ({
  name,
  to: { hosts: [target.host], tls: 'Passthrough', cidrs },
  action: 'Allow',
})

/** A client whose bytes pass unread to an upstream that says them back, under a policy that can be changed. */
const setUp = async () => {
  let policy = policyOf(passing(['127.0.0.0/8']))
  const listeners = new Set<() => void>()
  const upstreamPort = await listen(createServer((socket) => void socket.on('error', () => undefined).pipe(socket)))
  const engine = {
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    policy: {
      get current() {
        return policy
      },
      peek: (action: Parameters<CompiledPolicy['evaluate']>[0]) => policy.evaluate(action, 0),
      subscribe(listener: () => void) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
    upstream: { connect: () => Promise.resolve(connect(upstreamPort, '127.0.0.1')) },
    authorize({ action }: Parameters<Engine['authorize']>[0]) {
      const verdict = policy.evaluate(action, 0)
      return Promise.resolve(verdict.kind === 'deny' ? { ...verdict, kind: 'refuse' } : { ...verdict, kind: 'pass' })
    },
  } as unknown as Engine
  const driver = createPassthroughDriver(engine)
  closers.push(() => driver.close(0))
  const serve = (socket: Socket): void => {
    socket.on('error', () => undefined)
    driver.serve({ id: 'c1', socket, target, nameFrom: 'address' })
  }
  const client = connect(await listen(createServer({ allowHalfOpen: true }, serve)), '127.0.0.1')
  client.on('error', () => undefined)
  closers.push(() => client.destroy())
  const echoed = async (text: string): Promise<string> => {
    client.write(text)
    return String((await once(client, 'data'))[0])
  }
  const setPolicy = (rule: object): void => {
    policy = policyOf(rule)
    for (const listener of listeners) listener()
  }
  return { client, echoed, setPolicy }
}

test('TLS that passes unread is cut when the ranges that its rule lists narrow', async () => {
  const { client, echoed, setPolicy } = await setUp()
  expect(await echoed('before')).toBe('before')
  const closed = new Promise((resolve) => client.once('close', resolve))
  setPolicy(passing(['192.0.2.0/24']))
  await closed
})

test('TLS that passes unread goes on under a policy that says the same of it', async () => {
  const { echoed, setPolicy } = await setUp()
  expect(await echoed('before')).toBe('before')
  setPolicy(passing(['127.0.0.0/8'], 'renamed'))
  expect(await echoed('after')).toBe('after')
})
