import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createSecureServer as createHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { allow, closeAll, closers, curl, host, listen, raw, run, start, upstream } from './testdata/http-bench.ts'
import { connectHttp2OverTls } from './testdata/tls-bench.ts'

afterEach(closeAll)

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

  test('comes back in one piece where the upstream gave it so, chunked or not', async () => {
    const origin = await upstream((request, response) => {
      if (request.url === '/chunked') response.write('one')
      response.end(' piece')
    })
    const { port } = await start(origin.port, allow())
    const socket = connect(port, '127.0.0.1')
    closers.push(() => socket.destroy())
    for (const [path, end] of [
      ['/', ' piece'],
      ['/chunked', '3\r\none\r\n6\r\n piece\r\n0\r\n\r\n'],
    ] as const) {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      const [piece] = (await once(socket, 'data')) as [Buffer]
      expect(piece.toString()).toMatch(/^HTTP\/1\.1 200 /)
      expect(piece.toString().endsWith(`\r\n\r\n${end}`)).toBe(true)
    }
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
    const session = connectHttp2OverTls(port, authority)
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

  test('tells a client of the Kubernetes API as that does: its clients show nothing else', async () => {
    const origin = await upstream((_request, response) => response.end('secret'))
    const { port } = await start(origin.port, [
      { name: 'no', to: { hosts: [host] }, action: 'Deny', reason: 'not here' },
    ])
    const answer = await curl(port, '-A', 'kubectl/v1.36.3 (linux/amd64) kubernetes/abc1234')
    expect(answer).toMatch(/^HTTP\/1\.1 403 [^]*content-type: application\/json\r/)
    expect(JSON.parse(answer.split('\r\n\r\n').at(-1)!)).toMatchObject({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code: 403,
      reason: 'RuleDenied',
      message: expect.stringMatching(/: not here\. .*Do not retry/),
      rule: 'AgentSession/devin#no',
    })
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
    const session = connectHttp2OverTls(port, authority)
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
    const url = '/.well-known/chaperone/approvals/devin-1?wait=55s'
    expect(answer).toContain(`"approval":{"id":"devin-1","url":"${url}"}`)
    expect(answer).toContain(`link: <${url}>; rel="status"\r\n`)
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
    const response = await bench.recorded('response')
    expect(response.attributes).toMatchObject({ 'chaperone.mask.count': 3, 'http.response.status_code': 200 })
    expect(response.body).toBe(answer.split('\r\n\r\n').at(-1))
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

describe('while it runs', () => {
  test.each([
    ['a request', ''],
    [
      'a WebSocket',
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    ],
  ])('%s that the policy comes to deny between its verdict and its way out never leaves', async (_name, fields) => {
    const origin = await upstream((_request, response) => response.end('secret'))
    const bench = await start(origin.port, allow({ credential: { secretRef: { name: 'token' }, as: 'BearerToken' } }), {
      credential() {
        bench.setPolicy([{ name: 'no', to: { hosts: [host] }, action: 'Deny' }])
        return Promise.resolve('s3cret')
      },
    })
    const answer = await raw(bench.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 403 [^]*"reason":"RuleDenied"/)
    expect(origin.bytes()).toBe(0)
    expect((await bench.recorded('response')).attributes).toMatchObject({
      'chaperone.reason': 'RuleDenied',
    })
  })

  test.each([
    ['asks a person for it', [{ name: 'allow', to: { hosts: [host] }, action: 'Approve' }]],
    ['masks what comes back', allow({ mask: ['pii'] })],
    ['bounds where its name may lead', allow({ to: { hosts: [host], cidrs: ['192.0.2.0/24'] } })],
  ])('a request that the policy %s since its verdict never leaves', async (_name, next) => {
    const origin = await upstream((_request, response) => response.end('secret'))
    const bench = await start(origin.port, allow({ credential: { secretRef: { name: 'token' }, as: 'BearerToken' } }), {
      credential() {
        bench.setPolicy(
          next.map((rule) => ({ ...rule, credential: { secretRef: { name: 'token' }, as: 'BearerToken' } })),
        )
        return Promise.resolve('s3cret')
      },
    })
    const answer = await raw(bench.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 403 [^]*"reason":"RuleDenied"/)
    expect(origin.bytes()).toBe(0)
  })

  test.each([
    ['deny it', []],
    ['ask a person for it', [{ name: 'allow', to: { hosts: [host] }, action: 'Approve' }]],
    ['mask what comes back', allow({ mask: ['pii'] })],
    ['bound where its name may lead', allow({ to: { hosts: [host], cidrs: ['192.0.2.0/24'] } })],
  ])('an open stream is cut when the policy comes to %s', async (_name, next) => {
    const origin = await upstream((_request, response) => {
      response.write('first')
    })
    const bench = await start(origin.port, allow())
    const socket = connect(bench.port, '127.0.0.1')
    closers.push(() => socket.destroy())
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    bench.setPolicy(next)
    socket.resume()
    await closed
  })
})

test('a client that does not trust the certificate is found out', async () => {
  const authority = await createTestAuthority()
  const { port, recorded, refusedCertificates } = await start(1, allow(), { authority })
  await expect(
    run('curl', [
      '-sS',
      '--cacert',
      '/etc/ssl/certs/ca-certificates.crt',
      '--resolve',
      `${host}:${port}:127.0.0.1`,
      `https://${host}:${port}/`,
    ]),
  ).rejects.toMatchObject({ code: 60 })
  expect((await recorded('connection.blocked')).attributes).toMatchObject({
    'chaperone.reason': 'ClientTlsFailed',
    'server.address': host,
  })
  expect(refusedCertificates.current).toMatchObject([{ host, cause: 'unknown_ca', count: 1 }])
})
