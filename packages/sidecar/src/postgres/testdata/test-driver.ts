import { execFile } from 'node:child_process'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { agentSession, parseResource, type AgentSession, type EffectivePolicy } from '@chaperone/api'
import { systemClock, systemRandom } from '@chaperone/core'
import { compileMask } from '@chaperone/mask'
import { resolvePolicy } from '@chaperone/policy'
import type { TestAuthority } from '@chaperone/testkit'
import { pino } from 'pino'
import type { Engine } from '../../engine/engine.ts'
import { createPolicyHolder } from '../../engine/policy-holder.ts'
import { createRefusedCertificates } from '../../tls/refused-certificates.ts'
import { createSecure } from '../../upstream/secure.ts'
import { createPostgresDriver } from '../driver.ts'
import { postgresTimeouts, type PostgresTimeouts } from '../limits.ts'

/** What the tests' sessions allow, at `host`. */
export function policyFor(host: string, rules: readonly object[], profiles: readonly object[]): EffectivePolicy {
  const parsed = parseResource<AgentSession>(agentSession, {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin' },
    spec: {
      agent: { name: 'devin' },
      egress: { rules: rules.map((rule) => ({ to: { hosts: [host], protocol: 'Postgres' }, ...rule })) },
      masking: { profiles },
    },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return resolvePolicy({ session: parsed.resource, policies: [], clusterPolicies: [] })
}

export interface TestDriverOptions {
  readonly authority: TestAuthority
  readonly host: string
  readonly policy: EffectivePolicy
  readonly password?: string
  /** Of the server behind the driver. */
  readonly upstreamPort: () => number
  readonly timeouts?: Partial<PostgresTimeouts>
}

/** The driver behind a listening port, with a real policy and everything else of the engine in memory. */
export interface TestDriver {
  readonly port: number
  readonly records: { readonly kind: string; readonly attributes: Readonly<Record<string, unknown>> }[]
  /** Puts a policy in force, at a time of its own; what is open is told. */
  setPolicy(policy: EffectivePolicy, nowMs?: number): void
  /** What time it is for the policy; nobody is told. */
  setNow(nowMs: number): void
  /** Whether the pod is taken for one that is not contained; nobody is told. */
  readonly containment: { isRefusing: boolean }
  /** Everything written to the server since `forgetUpstream`. */
  upstreamText(): string
  forgetUpstream(): void
  /** Resolves once the server has been sent this. */
  upstreamSaid(text: string): Promise<void>
  /** Resolves when a statement waits for a person; the call lets it pass. */
  nextHeld(): Promise<() => void>
  /** A record of this kind that passes `accepts`, now or later. */
  recorded(kind: string, accepts: (attributes: Readonly<Record<string, unknown>>) => boolean): Promise<void>
  psql(...statements: string[]): Promise<{ stdout: string; stderr: string }>
  close(): Promise<void>
}

const run = promisify(execFile)

export async function startTestDriver(options: TestDriverOptions): Promise<TestDriver> {
  const { authority, host } = options
  let now = 0
  const log = pino({ level: 'silent' })
  const containment = { isRefusing: false }
  const policy = createPolicyHolder({ clock: { ...systemClock, now: () => now }, log, containment })
  const apply = (next: EffectivePolicy): void =>
    policy.apply({ type: 'policy', policy: next, pod: { namespace: 'default', name: 'devin-0', uid: 'pod-1' } })
  apply(options.policy)
  const records: TestDriver['records'] = []
  const waiters = new Set<() => void>()
  const sockets = new Set<Socket>()
  const holds: (() => void)[] = []
  let upstreamText = ''
  const changed = (): void => {
    for (const wake of waiters) wake()
    waiters.clear()
  }
  const until = async (holdsTrue: () => boolean): Promise<void> => {
    while (!holdsTrue()) await new Promise<void>((resolve) => waiters.add(resolve))
  }
  const spy = <T extends Socket>(socket: T): T => {
    const note = (chunk: unknown): void => {
      upstreamText += Buffer.isBuffer(chunk) ? chunk.toString('latin1') : ''
      changed()
    }
    for (const method of ['write', 'end'] as const) {
      const original = socket[method].bind(socket) as (chunk: unknown) => unknown
      Object.defineProperty(socket, method, {
        writable: true,
        configurable: true,
        value: (chunk: unknown) => {
          note(chunk)
          return original(chunk)
        },
      })
    }
    return socket
  }
  const secure = createSecure(() => authority.certificate)
  const engine: Engine = {
    clock: systemClock,
    random: systemRandom,
    log,
    refusedCertificates: createRefusedCertificates(() => undefined),
    policy,
    recorder: {
      append(kind, attributes) {
        records.push({ kind, attributes })
        changed()
        return Promise.resolve(records.length)
      },
    },
    approvals: { watch: () => Promise.resolve(undefined) },
    credentials: { read: () => Promise.resolve(options.password ?? '') },
    mask: (profiles) =>
      compileMask(
        policy.current?.source.maskingProfiles.filter((profile) => profiles.includes(profile.name)) ?? [],
        new Uint8Array(32),
      ),
    upstream: {
      connect: (_target, { signal }) =>
        new Promise((resolve, reject) => {
          // As the dialler does: the signal ends the attempt, not the connection.
          const socket = connect({ port: options.upstreamPort(), host: '127.0.0.1' })
          const giveUp = (): void => void socket.destroy(new Error('aborted'))
          signal.addEventListener('abort', giveUp, { once: true })
          socket.once('error', reject).once('connect', () => {
            signal.removeEventListener('abort', giveUp)
            resolve(spy(socket))
          })
        }),
      secure: async (socket, how) => spy(await secure(socket, how)),
    },
    authorize(request, signal) {
      const verdict = policy.peek(request.action)
      if (verdict.kind === 'deny') return Promise.resolve({ ...verdict, kind: 'refuse' })
      const pass = { kind: 'pass', effects: verdict.effects, rule: verdict.rule, requestSeq: 1 } as const
      if (verdict.kind === 'allow') return Promise.resolve(pass)
      return new Promise((resolve) => {
        signal.addEventListener('abort', () =>
          resolve({ kind: 'refuse', reason: 'ApprovalPending', message: 'the client went away' }),
        )
        request.onHeld?.('approval-1')
        holds.push(() => resolve(pass))
        changed()
      })
    },
  }
  const tls = {
    async contextFor(name: string) {
      const { key, certificate } = await authority.issue(name)
      return createSecureContext({ key, cert: certificate })
    },
  }
  const driver = createPostgresDriver(engine, tls, { ...postgresTimeouts, ...options.timeouts })
  let connections = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    driver.serve({ id: `c${++connections}`, socket, target: { host, port: 5432 }, nameFrom: 'address' })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    records,
    setPolicy(next, nowMs = 0) {
      now = nowMs
      apply(next)
    },
    setNow: (nowMs) => void (now = nowMs),
    containment,
    upstreamText: () => upstreamText,
    forgetUpstream: () => void (upstreamText = ''),
    upstreamSaid: (text) => until(() => upstreamText.includes(text)),
    async nextHeld() {
      await until(() => holds.length > 0)
      return holds.shift() as () => void
    },
    recorded: (kind, accepts) => until(() => records.some((each) => each.kind === kind && accepts(each.attributes))),
    psql: (...statements) =>
      run('psql', [
        `host=127.0.0.1 port=${port} user=agent dbname=postgres sslmode=require`,
        '-At',
        '-v',
        'VERBOSITY=verbose',
        ...statements.flatMap((statement) => ['-c', statement]),
      ]).catch((error: unknown) => error as { stdout: string; stderr: string }),
    async close() {
      await driver.close(0)
      policy.close()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
