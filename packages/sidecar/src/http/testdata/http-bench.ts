import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createServer as createHttp, type RequestListener } from 'node:http'
import { connect, createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { systemClock, systemRandom, type Action, type Target } from '@chaperone/core'
import { agentSession, parseResource, type AgentSession } from '@chaperone/api'
import { compileMask } from '@chaperone/mask'
import { compilePolicy, resolvePolicy, type CompiledPolicy } from '@chaperone/policy'
import type { TestAuthority } from '@chaperone/testkit'
import { pino } from 'pino'
import { createApprovalBook, type ApprovalBook } from '../../approvals/approval-book.ts'
import { createConnectionServer } from '../../detect/connection-server.ts'
import type { AuthorizeRequest, ClientConnection, Engine, Refusal } from '../../engine/engine.ts'
import { AuditUnavailableError } from '../../engine/recorder.ts'
import { createSecure } from '../../upstream/secure.ts'
import { createRefusedCertificates, type RefusedCertificates } from '../../tls/refused-certificates.ts'
import { createHttpDriver } from '../driver.ts'
import { clientTimeouts, type ClientTimeouts } from '../limits.ts'

export const run: (program: string, args: string[]) => Promise<{ stdout: string }> = promisify(execFile)
export const host = 'api.example.test'

export interface Bench {
  readonly port: number
  readonly records: { kind: string; attributes: Record<string, unknown>; body?: string }[]
  /** The first record of the kind, as soon as there is one: an answer is recorded after the client has it. */
  recorded(kind: string): Promise<Bench['records'][number]>
  readonly asked: AuthorizeRequest[]
  /** What was dialled, in order. */
  readonly dialled: Target[]
  readonly approvals: ApprovalBook
  readonly refusedCertificates: RefusedCertificates
  setPolicy(rules: object[]): void
}

export const closers: (() => unknown)[] = []
/** Closes what a test opened, last first. */
export const closeAll = async (): Promise<void> => {
  for (const close of closers.splice(0).reverse()) await close()
}

export const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

/** An upstream, and every byte that reaches it (its beginning, of what is long). */
export async function upstream(
  listener: RequestListener,
): Promise<{ port: number; bytes: () => number; received: () => string }> {
  const http = createHttp(listener)
  let bytes = 0
  let received = ''
  const port = await listen(
    createTcp((socket) => {
      http.emit('connection', socket)
      // After the server: Node's parser reads past listeners that were there before it.
      socket.on('data', (chunk) => {
        bytes += chunk.length
        if (received.length < 65_536) received += chunk.toString('latin1')
      })
    }),
  )
  closers.push(() => http.closeAllConnections())
  return { port, bytes: () => bytes, received: () => received }
}

const policyOf = (rules: object[]): CompiledPolicy => {
  const parsed = parseResource<AgentSession>(agentSession, {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin' },
    spec: {
      agent: { name: 'devin' },
      egress: { rules },
      audit: { level: 'RequestResponse' },
      masking: { profiles: [{ name: 'pii', detect: ['EmailAddress', 'CreditCard'], fields: ['*.password'] }] },
    },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return compilePolicy(resolvePolicy({ session: parsed.resource, policies: [], clusterPolicies: [] }))
}

/** The driver behind a plain listener, with an engine that judges by a real policy. */
export async function start(
  upstreamPort: number,
  rules: object[],
  options: {
    authority?: TestAuthority
    secureUpstream?: boolean
    outcome?: (request: AuthorizeRequest, signal: AbortSignal) => Refusal | undefined | Promise<Refusal | undefined>
    /** Nothing can be recorded. */
    auditFails?: boolean
    aliases?: readonly string[]
    /** What the client connected to, where it is not the host by its name. */
    origin?: Pick<ClientConnection, 'target' | 'nameFrom'>
    /** From the first byte on, with detection in front of the driver. */
    whole?: boolean
    timeouts?: Partial<ClientTimeouts>
    /** Reads the one Secret there is; `s3cret` unless told otherwise. */
    credential?: () => Promise<string>
  } = {},
): Promise<Bench> {
  let policy = policyOf(rules)
  const records: Bench['records'] = []
  const appended = new EventEmitter()
  const asked: AuthorizeRequest[] = []
  const dialled: Target[] = []
  const origin = {
    target: { host, port: 443 },
    nameFrom: 'address' as const,
    ...options.origin,
    aliases: options.aliases ?? [],
  }
  const approvals = createApprovalBook(systemClock)
  const refusedCertificates = createRefusedCertificates(() => undefined)
  const listeners = new Set<(policy: CompiledPolicy | undefined) => void>()
  const engine: Engine = {
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    policy: {
      get current() {
        return policy
      },
      pod: undefined,
      peek: (action: Action) => policy.evaluate(action, 0),
      subscribe(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
    recorder: {
      append(kind, attributes, appendOptions) {
        if (options.auditFails === true)
          return Promise.reject(new AuditUnavailableError('ERR_AUDIT_UNAVAILABLE', 'the audit log is full'))
        records.push({ kind, attributes, ...(appendOptions?.body === undefined ? {} : { body: appendOptions.body }) })
        appended.emit('record')
        return Promise.resolve(records.length)
      },
    },
    credentials: { read: options.credential ?? (() => Promise.resolve('s3cret')) },
    approvals,
    refusedCertificates,
    mask: (profiles) =>
      compileMask(
        policy.source.maskingProfiles.filter((profile) => profiles.includes(profile.name)),
        new Uint8Array(32),
      ),
    upstream: {
      connect: (target, { signal }) =>
        new Promise((resolve, reject) => {
          dialled.push(target)
          const socket = connect({ port: upstreamPort, host: '127.0.0.1', signal })
          socket.once('connect', () => resolve(socket)).once('error', reject)
        }),
      secure: createSecure(() => options.authority?.certificate ?? ''),
    },
    async authorize(request, signal) {
      asked.push(request)
      const verdict = policy.evaluate(request.action, 0)
      const refusal = await options.outcome?.(request, signal)
      if (refusal !== undefined) return refusal
      if (verdict.kind === 'deny') return { ...verdict, kind: 'refuse' }
      const { kind, effects, rule } = verdict
      return { kind: 'pass', effects, rule, requestSeq: 1, ...(kind === 'approve' ? { approval: 'devin-1' } : {}) }
    },
  }
  const driver = createHttpDriver(
    engine,
    {
      async contextFor(name) {
        if (options.authority === undefined) throw new Error('this bench has no authority')
        const { key, certificate } = await options.authority.issue(name)
        return createSecureContext({ key, cert: certificate })
      },
    },
    { ...clientTimeouts, ...options.timeouts },
  )
  closers.push(() => driver.close(0))
  const connections = createConnectionServer({
    engine,
    drivers: { HTTP: driver },
    probe: (socket) => socket.destroy(),
    ownerOf: () => undefined,
  })
  const port = await listen(
    createTcp({ allowHalfOpen: true }, (socket) => {
      if (options.whole === true) return connections.serve(socket, origin)
      socket.once('readable', () => {
        const bytes = socket.read() as Buffer | null
        if (bytes === null) return void socket.destroy()
        socket.unshift(bytes)
        const tls = bytes[0] === 0x16
        driver.serve(
          {
            id: 'c1',
            socket,
            ...origin,
            http2: bytes.toString('latin1').startsWith('PRI '),
          },
          tls ? { serverName: host, alpnProtocols: [] } : undefined,
        )
      })
    }),
  )
  return {
    port,
    records,
    async recorded(kind) {
      for (;;) {
        const record = records.find((each) => each.kind === kind)
        if (record !== undefined) return record
        await once(appended, 'record')
      }
    },
    asked,
    dialled,
    approvals,
    refusedCertificates,
    setPolicy(next) {
      policy = policyOf(next)
      for (const listener of listeners) listener(policy)
    },
  }
}

export const allow = (extra: object = {}): object[] => [
  { name: 'allow', to: { hosts: [host] }, action: 'Allow', ...extra },
]
export const curl = async (port: number, ...args: string[]): Promise<string> => {
  const { stdout } = await run('curl', [
    '-sS',
    '-i',
    '--max-time',
    '10',
    '-H',
    `Host: ${host}`,
    ...args,
    `http://127.0.0.1:${port}/`,
  ])
  return stdout
}

/** Bytes in, all bytes out until the server closes or nothing more is expected. */
export function raw(port: number, request: string | Buffer, until: 'head' | 'close' = 'head'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    socket.setTimeout(3000, () => socket.destroy())
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (until === 'head' && received.includes('\r\n\r\n')) socket.end()
    })
    socket.on('close', () => resolve(received))
    socket.on('error', (error) => (received === '' ? reject(error) : resolve(received)))
    socket.write(request)
  })
}
