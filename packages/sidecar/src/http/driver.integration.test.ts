import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createServer as createHttp, type IncomingMessage, type RequestListener } from 'node:http'
import { connect as connectHttp2, createSecureServer as createHttp2 } from 'node:http2'
import { connect, createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from '@jest/globals'
import { systemClock, systemRandom, type Action } from '@chaperone/core'
import { agentSession, parseResource, type AgentSession } from '@chaperone/api'
import { compileMask } from '@chaperone/mask'
import { compilePolicy, resolvePolicy, type CompiledPolicy } from '@chaperone/policy'
import { createTestAuthority, type TestAuthority } from '@chaperone/testkit'
import { pino } from 'pino'
import type { AuthorizeRequest, Engine, Refusal } from '../engine/engine.ts'
import { AuditUnavailableError } from '../engine/recorder.ts'
import { createHttpDriver } from './driver.ts'
import { clientTimeouts, maxJudgedBodyBytes, type ClientTimeouts } from './limits.ts'

const run = promisify(execFile)
const host = 'api.example.test'

interface Bench {
  readonly port: number
  readonly records: { kind: string; attributes: Record<string, unknown>; body?: string }[]
  readonly asked: AuthorizeRequest[]
  setPolicy(rules: object[]): void
}

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

/** An upstream behind a counter of every byte that reaches it. */
async function upstream(listener: RequestListener): Promise<{ port: number; bytes: () => number }> {
  const http = createHttp(listener)
  let bytes = 0
  const port = await listen(
    createTcp((socket) => {
      socket.on('data', (chunk) => (bytes += chunk.length))
      http.emit('connection', socket)
    }),
  )
  closers.push(() => http.closeAllConnections())
  return { port, bytes: () => bytes }
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
async function start(
  upstreamPort: number,
  rules: object[],
  options: {
    authority?: TestAuthority
    secureUpstream?: boolean
    outcome?: (request: AuthorizeRequest) => Refusal | undefined
    /** Nothing can be recorded. */
    auditFails?: boolean
    aliases?: readonly string[]
    timeouts?: Partial<ClientTimeouts>
  } = {},
): Promise<Bench> {
  let policy = policyOf(rules)
  const records: Bench['records'] = []
  const asked: AuthorizeRequest[] = []
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
        return Promise.resolve(records.length)
      },
    },
    credentials: { read: () => Promise.resolve('s3cret') },
    mask: (profiles) =>
      compileMask(
        policy.source.maskingProfiles.filter((profile) => profiles.includes(profile.name)),
        new Uint8Array(32),
      ),
    upstream: {
      connect: (_target, { signal }) =>
        new Promise((resolve, reject) => {
          const socket = connect({ port: upstreamPort, host: '127.0.0.1', signal })
          socket.once('connect', () => resolve(socket)).once('error', reject)
        }),
      secure: (socket, { servername, alpnProtocols }) =>
        new Promise((resolve, reject) => {
          const secure = connectTls({
            socket: socket,
            servername,
            ca: options.authority?.certificate,
            ...(alpnProtocols ? { ALPNProtocols: [...alpnProtocols] } : {}),
          })
          secure.once('secureConnect', () => resolve(secure)).once('error', reject)
        }),
    },
    authorize(request) {
      asked.push(request)
      const verdict = policy.evaluate(request.action, 0)
      const refusal = options.outcome?.(request)
      if (refusal !== undefined) return Promise.resolve(refusal)
      if (verdict.kind === 'deny') return Promise.resolve({ ...verdict, kind: 'refuse' })
      return Promise.resolve({ kind: 'pass', effects: verdict.effects, rule: verdict.rule, requestSeq: 1 })
    },
  }
  const driver = createHttpDriver(
    engine,
    {
      async contextFor(name) {
        const { key, certificate } = await options.authority!.issue(name)
        return createSecureContext({ key, cert: certificate })
      },
    },
    { ...clientTimeouts, ...options.timeouts },
  )
  closers.push(() => driver.close(0))
  const port = await listen(
    createTcp({ allowHalfOpen: true }, (socket) => {
      socket.once('readable', () => {
        const bytes = socket.read() as Buffer | null
        if (bytes === null) return void socket.destroy()
        socket.unshift(bytes)
        const tls = bytes[0] === 0x16
        driver.serve(
          {
            id: 'c1',
            socket,
            target: { host, port: 443 },
            nameFrom: 'address',
            aliases: options.aliases ?? [],
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
    asked,
    setPolicy(next) {
      policy = policyOf(next)
      for (const listener of listeners) listener(policy)
    },
  }
}

const allow = (extra: object = {}) => [{ name: 'allow', to: { hosts: [host] }, action: 'Allow', ...extra }]
const curl = async (port: number, ...args: string[]) => {
  const { stdout } = await run('curl', [
    '-sS',
    '-i',
    '--max-time',
    '10',
    '-H',
    `Host: ${host}`,
    ...args,
    `http://127.0.0.1:${port}${args.some((arg) => arg.startsWith('/')) ? '' : '/'}`,
  ])
  return stdout
}

/** Bytes in, all bytes out until the server closes or nothing more is expected. */
function raw(port: number, request: string, until: 'head' | 'close' = 'head'): Promise<string> {
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

describe('an allowed exchange', () => {
  test('passes with its body, headers, status and trailers as they were', async () => {
    const origin = await upstream((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        response.writeHead(201, {
          'X-Path': request.url,
          'X-Got': Buffer.concat(chunks).toString(),
          'x-host': request.headers.host,
          'set-cookie': ['a=1', 'b=2'],
        })
        response.end('done')
      })
    })
    const { port } = await start(origin.port, allow())
    const answer = await curl(port, '-d', 'hello', '--path-as-is', '-H', 'Connection: x-private', '-H', 'X-Private: 1')
    expect(answer).toMatch(/^HTTP\/1\.1 201 /)
    expect(answer).toContain('x-got: hello')
    expect(answer).toContain(`x-host: ${host}`)
    expect(answer).toMatch(/set-cookie: a=1\r\nset-cookie: b=2/i)
    expect(answer.endsWith('done')).toBe(true)
  })

  test('streams large bodies both ways unchanged', async () => {
    const data = randomBytes(8 * 1024 * 1024)
    const origin = await upstream((request, response) => request.pipe(response))
    const { port } = await start(origin.port, allow())
    const body = await fetch(`http://127.0.0.1:${port}/echo`, { method: 'POST', body: data, headers: { host } })
      .then((answer) => answer.arrayBuffer())
      .catch(() => undefined)
    // fetch may not set Host; the socket below does.
    const { stdout } = await run('bash', [
      '-c',
      `head -c 8388608 /dev/zero | curl -sS --max-time 20 -H 'Host: ${host}' -T - http://127.0.0.1:${port}/echo | sha256sum`,
    ])
    expect(stdout.split(' ')[0]).toBe(
      createHash('sha256')
        .update(Buffer.alloc(8 * 1024 * 1024))
        .digest('hex'),
    )
    expect(body === undefined || body.byteLength > 0).toBe(true)
  })

  test('gets the credential of the rule in place of what the agent sent', async () => {
    const origin = await upstream((request, response) => response.end(request.headers.authorization))
    const bench = await start(origin.port, allow({ credential: { secretRef: { name: 'token' }, as: 'BearerToken' } }))
    expect(await curl(bench.port, '-H', 'Authorization: Bearer placeholder')).toContain('Bearer s3cret')
    expect(bench.records.find((record) => record.kind === 'credential.injected')?.attributes).toMatchObject({
      'chaperone.credential.ref': 'token',
    })
    expect(JSON.stringify(bench.records.filter((record) => record.kind !== 'response'))).not.toContain('s3cret')
  })

  test('over TLS speaks HTTP/2 to clients and upstreams that do, trailers included', async () => {
    const authority = await createTestAuthority()
    const { key, certificate } = await authority.issue(host)
    const server = createHttp2({ key, cert: certificate })
    server.on('stream', (stream, headers) => {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'x-authority': headers[':authority'] },
        { waitForTrailers: true },
      )
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end('message')
    })
    const upstreamPort = await listen(server)
    const { port } = await start(upstreamPort, allow(), { authority })
    const session = connectHttp2(`https://${host}`, {
      createConnection: () =>
        connectTls({ port, host: '127.0.0.1', servername: host, ca: authority.certificate, ALPNProtocols: ['h2'] }),
    })
    closers.push(() => session.destroy())
    const stream = session.request({
      ':path': '/svc/Method',
      ':method': 'POST',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    stream.end('ask')
    const trailers = new Promise((resolve) => stream.once('trailers', resolve))
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve))
    let body = ''
    for await (const chunk of stream as AsyncIterable<Buffer>) body += chunk.toString()
    expect([headers[':status'], headers['x-authority'], body]).toEqual([200, host, 'message'])
    expect(await trailers).toMatchObject({ 'grpc-status': '0' })
  })
})

describe('a refused exchange', () => {
  test('is told why and what to do, and not one byte reaches the upstream', async () => {
    const origin = await upstream((_request, response) => response.end('secret'))
    const { port } = await start(origin.port, [
      { name: 'no', to: { hosts: [host] }, action: 'Deny', reason: 'not here' },
    ])
    const answer = await curl(port, '-d', 'x')
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    expect(answer).toContain('application/problem+json')
    expect(JSON.parse(answer.split('\r\n\r\n').at(-1)!)).toMatchObject({
      reason: 'RuleDenied',
      rule: 'AgentSession/devin#no',
      detail: 'not here',
      next: expect.stringContaining('Do not retry'),
    })
    expect(origin.bytes()).toBe(0)
  })

  test('leaves the connection usable', async () => {
    const origin = await upstream((_request, response) => response.end('fine'))
    const { port } = await start(origin.port, allow({ match: { http: { methods: ['GET'] } } }))
    const { stdout } = await run('curl', [
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code} %{num_connects}\n',
      '-H',
      `Host: ${host}`,
      '-X',
      'POST',
      '-d',
      'x'.repeat(10_000),
      `http://127.0.0.1:${port}/`,
      '--next',
      '-sS',
      '-w',
      ' %{http_code} %{num_connects}',
      '-H',
      `Host: ${host}`,
      `http://127.0.0.1:${port}/`,
    ])
    expect(stdout).toBe('403 1\nfine 200 0')
  })

  test('in gRPC is a gRPC status', async () => {
    const authority = await createTestAuthority()
    const { port } = await start(1, [{ name: 'no', to: { hosts: [host] }, action: 'Deny' }], { authority })
    const session = connectHttp2(`https://${host}`, {
      createConnection: () =>
        connectTls({ port, host: '127.0.0.1', servername: host, ca: authority.certificate, ALPNProtocols: ['h2'] }),
    })
    closers.push(() => session.destroy())
    const stream = session.request({ ':path': '/svc/Method', ':method': 'POST', 'content-type': 'application/grpc' })
    stream.end()
    expect(await new Promise((resolve) => stream.once('response', resolve))).toMatchObject({
      ':status': 200,
      'grpc-status': '7',
    })
  })

  test('while it waits for a person is pending, with an id and a time to come back', async () => {
    const origin = await upstream((_request, response) => response.end())
    const bench = await start(origin.port, [{ name: 'ask', to: { hosts: [host] }, action: 'Approve' }], {
      outcome: () => ({
        kind: 'refuse',
        reason: 'ApprovalPending',
        message: 'waits',
        approval: { name: 'devin-1', retryAfterSeconds: 20 },
      }),
    })
    const answer = await curl(bench.port, '-d', 'amount=5')
    expect(answer).toMatch(/^HTTP\/1\.1 423 /)
    expect(answer).toMatch(/retry-after: 20/)
    expect(answer).toContain('"approval":{"id":"devin-1"}')
    expect(bench.asked[0]?.action).toMatchObject({ http: { body: { bytes: 8 } } })
    expect(Buffer.from(bench.asked[0]!.payload!.bytes).toString()).toBe('amount=5')
    expect(origin.bytes()).toBe(0)
  })

  test('a body that is too large to be judged is refused', async () => {
    const origin = await upstream((_request, response) => response.end())
    const { port } = await start(origin.port, [{ name: 'ask', to: { hosts: [host] }, action: 'Approve' }])
    const { stdout } = await run('bash', [
      '-c',
      `head -c 2000000 /dev/zero | curl -sS -i --max-time 10 -H 'Host: ${host}' -H 'Expect:' -T - http://127.0.0.1:${port}/`,
    ])
    expect(stdout).toContain(' 413 ')
    expect(origin.bytes()).toBe(0)
  })
})

describe('masking', () => {
  const masked = allow({ mask: ['pii'] })
  const cases: [string, RequestListener][] = [
    [
      'JSON in pieces',
      (_request, response) => {
        response.setHeader('content-type', 'application/json')
        for (const piece of ['{"email":"ada@ex', 'ample.com","card":"4111 1111', ' 1111 1111","password":"p"}'])
          response.write(piece)
        response.end()
      },
    ],
    [
      'gzip that was not asked for',
      (_request, response) => {
        response.writeHead(200, {
          'content-type': 'application/json; charset=utf-8',
          'content-encoding': 'gzip',
          etag: '"x"',
        })
        response.end(gzipSync('{"email":"ada@example.com","card":"4111 1111 1111 1111","password":"p"}'))
      },
    ],
  ]
  test.each(cases)('%s arrives masked, and is recorded masked', async (_name, listener) => {
    const origin = await upstream(listener)
    const bench = await start(origin.port, masked)
    const answer = await curl(bench.port, '-H', 'Accept-Encoding: gzip')
    expect(answer.split('\r\n\r\n').at(-1)).toBe(
      '{"email":"[REDACTED:EmailAddress]","card":"[REDACTED:CreditCard]","password":"[REDACTED:Field]"}',
    )
    expect(answer).not.toMatch(/content-encoding|etag/i)
    const response = bench.records.find((record) => record.kind === 'response')
    expect(response?.attributes).toMatchObject({ 'chaperone.mask.count': 3, 'http.response.status_code': 200 })
    expect(response?.body).toBe(answer.split('\r\n\r\n').at(-1))
  })

  test('a body that cannot be read as text is withheld', async () => {
    const origin = await upstream((_request, response) => {
      response.setHeader('content-type', 'application/octet-stream')
      response.end('ada@example.com')
    })
    const { port } = await start(origin.port, masked)
    const answer = await curl(port)
    expect(answer).toMatch(/^HTTP\/1\.1 502 /)
    expect(answer).toContain('MaskingFailed')
    expect(answer).not.toContain('ada@')
  })

  test('covers trailers', async () => {
    const origin = await upstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', trailer: 'x-contact' })
      response.write('{}')
      response.addTrailers({ 'x-contact': 'ada@example.com' })
      response.end()
    })
    const { port } = await start(origin.port, masked)
    const answer = await raw(port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'close')
    expect(answer).toContain('x-contact: [REDACTED:EmailAddress]')
    expect(answer).not.toContain('ada@')
  })

  test('JSON that breaks in the middle never completes', async () => {
    const origin = await upstream((_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end('{"a":1,"b":ada@example.com}')
    })
    const { port } = await start(origin.port, masked)
    await expect(curl(port)).rejects.toThrow(/curl: \((18|52|56)\)/)
  })
})

describe('names', () => {
  test.each([
    ['another Host', 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n'],
    ['another port', `GET / HTTP/1.1\r\nHost: ${host}:22\r\n\r\n`],
    ['two Hosts', `GET / HTTP/1.1\r\nHost: ${host}\r\nHost: evil.test\r\n\r\n`],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['userinfo', `GET / HTTP/1.1\r\nHost: x@${host}\r\n\r\n`],
    ['an absolute form', `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    ['CONNECT', `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    ['TRACE', `TRACE / HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    [
      'h2c upgrade',
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    ],
    ['an encoded slash', `GET /a%2f..%2fadmin HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ])('%s is refused and nothing reaches the upstream', async (_name, request) => {
    const origin = await upstream((_request, response) => response.end('secret'))
    const { port } = await start(origin.port, allow())
    expect(await raw(port, request)).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(origin.bytes()).toBe(0)
  })
})

describe('what was judged is what goes', () => {
  test('a field that Connection names is neither judged nor forwarded', async () => {
    const origin = await upstream((request, response) => response.end(`type=${request.headers['content-type']}`))
    const bench = await start(origin.port, allow())
    const answer = await curl(bench.port, '-H', 'Connection: content-type', '-H', 'Content-Type: application/json')
    expect(answer).toContain('type=undefined')
    expect(bench.asked[0]?.action).toMatchObject({ http: { headers: {} } })
    expect(JSON.stringify(bench.asked[0]?.action)).not.toContain('content-type')
  })

  test.each([
    ['another method than GET', 'POST', ''],
    ['a body', 'GET', 'Content-Length: 3\r\n'],
  ])('a WebSocket handshake with %s is refused and nothing reaches the upstream', async (_name, method, framing) => {
    const origin = await upstream((_request, response) => response.end())
    const { port } = await start(origin.port, allow())
    const request = `${method} / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${framing}\r\n`
    expect(await raw(port, request)).toMatch(/^HTTP\/1\.1 400 /)
    expect(origin.bytes()).toBe(0)
  })

  test('another name for the target is the target', async () => {
    const origin = await upstream((request, response) => response.end(`host=${request.headers.host}`))
    const { port } = await start(origin.port, allow(), { aliases: [`${host}.cluster.local`] })
    const request = `GET / HTTP/1.1\r\nHost: ${host}.cluster.local\r\nConnection: close\r\n\r\n`
    expect(await raw(port, request, 'close')).toMatch(/^HTTP\/1\.1 200 [^]*host=api\.example\.test:443/)
  })

  test('header values outside ASCII arrive byte for byte', async () => {
    const origin = await listen(
      createTcp((socket) =>
        socket.once('data', () =>
          socket.end('HTTP/1.1 200 OK\r\nX-Name: \u017c\u00f3\u0142\u0107 \u20ac\r\nContent-Length: 0\r\n\r\n'),
        ),
      ),
    )
    const { port } = await start(origin, allow())
    const answer = await raw(port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    expect(Buffer.from(answer, 'latin1').toString('utf8')).toContain('x-name: \u017c\u00f3\u0142\u0107 \u20ac')
  })
})

describe('the record', () => {
  test('tells of a body that was too large to judge', async () => {
    const bench = await start(1, [{ name: 'ask', to: { hosts: [host] }, action: 'Approve' }])
    const body = 'x'.repeat(maxJudgedBodyBytes + 1)
    await raw(bench.port, `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    expect(bench.records).toContainEqual(
      expect.objectContaining({
        kind: 'connection.blocked',
        attributes: expect.objectContaining({ 'chaperone.reason': 'BodyTooLarge' }) as object,
      }),
    )
  })

  test('tells of an answer that was withheld', async () => {
    const origin = await upstream((_request, response) => {
      response.setHeader('content-type', 'application/octet-stream')
      response.end('ada@example.com')
    })
    const bench = await start(origin.port, allow({ mask: ['pii'] }))
    await curl(bench.port)
    expect(bench.records.find(({ kind }) => kind === 'response')?.attributes).toMatchObject({
      'chaperone.request.seq': 1,
      'chaperone.reason': 'MaskingFailed',
      'http.response.status_code': 502,
    })
  })

  test('failing is named as the reason of a refusal', async () => {
    const bench = await start(1, allow(), { auditFails: true })
    expect(await raw(bench.port, `TRACE / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 503 /)
  })
})

describe('a slow client', () => {
  test('that never finishes its head is told so and closed', async () => {
    const bench = await start(1, allow(), { timeouts: { headMs: 50, checkMs: 10 } })
    expect(await raw(bench.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n`, 'close')).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('that never finishes its TLS handshake is closed', async () => {
    const bench = await start(1, allow(), {
      authority: await createTestAuthority(),
      timeouts: { handshakeMs: 50 },
    })
    const socket = connect(bench.port, '127.0.0.1')
    closers.push(() => socket.destroy())
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined).resume()
    // The beginning of a handshake record whose rest never comes.
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x01, 0x00, 0x01]))
    await closed
  })

  test('with a head that is too large is told so', async () => {
    const bench = await start(1, allow())
    const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`
    expect(await raw(bench.port, request)).toMatch(/^HTTP\/1\.1 431 /)
  })
})

describe('smuggling', () => {
  const evil = `GET /admin HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  test.each([
    [
      'CL.TE',
      `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${evil.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${evil}`,
    ],
    [
      'two lengths',
      `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`,
    ],
    ['a length list', `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0, ${evil.length}\r\n\r\n${evil}`],
    ['a signed length', `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: +5\r\n\r\nhello`],
    ['space before the colon', `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length : 5\r\n\r\nhello`],
    ['a coding that is not known', `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['chunked twice', `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['a bare line feed in the head', `POST / HTTP/1.1\r\nHost: ${host}\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a folded header', `GET / HTTP/1.1\r\nHost: ${host}\r\nX: a\r\n b\r\n\r\n`],
    ['NUL in a value', `GET / HTTP/1.1\r\nHost: ${host}\r\nX: a\0b\r\n\r\n`],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    [
      'a chunk size that overflows',
      `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nx\r\n0\r\n\r\n`,
    ],
  ])('%s never becomes a second request', async (_name, request) => {
    const seen: string[] = []
    const origin = await upstream((incoming: IncomingMessage, response) => {
      seen.push(incoming.url ?? '')
      incoming.resume()
      response.end('ok')
    })
    const { port } = await start(origin.port, allow())
    await raw(port, request).catch(() => '')
    expect(seen).not.toContain('/admin')
  })

  test('a request behind a denied one on the same connection is judged for itself', async () => {
    const seen: string[] = []
    const origin = await upstream((incoming, response) => {
      seen.push(incoming.url ?? '')
      response.end('ok')
    })
    const { port } = await start(origin.port, allow({ match: { http: { paths: ['/open'] } } }))
    await raw(
      port,
      `POST /closed HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 3\r\n\r\nabcGET /open HTTP/1.1\r\nHost: ${host}\r\n\r\nGET /closed HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    )
    expect(seen.filter((path) => path !== '/open')).toEqual([])
  })
})

describe('while it runs', () => {
  test('an open stream is cut when the policy comes to deny it', async () => {
    const origin = await upstream((_request, response) => {
      response.write('first')
    })
    const bench = await start(origin.port, allow())
    const socket = connect(bench.port, '127.0.0.1')
    closers.push(() => socket.destroy())
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    bench.setPolicy([])
    socket.resume()
    await closed
  })

  test('a WebSocket passes once its handshake was judged', async () => {
    const origin = createHttp()
    origin.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n')
      socket.pipe(socket)
    })
    const bench = await start(await listen(origin), allow())
    const socket = connect(bench.port, '127.0.0.1')
    closers.push(() => socket.destroy())
    let received = ''
    const echoed = new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        received += chunk.toString()
        if (received.includes('\r\n\r\n') && !received.includes('ping')) socket.write('ping')
        if (received.endsWith('ping')) resolve()
      })
    })
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    )
    await echoed
    expect(received).toMatch(/^HTTP\/1\.1 101 /)
    expect(bench.records.map((record) => record.kind)).toContain('connection.opened')
  })
})
