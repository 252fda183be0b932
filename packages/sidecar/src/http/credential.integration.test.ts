import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from '@jest/globals'
import { allow, closeAll, closers, curl, host, raw, start, upstream } from './testdata/http-bench.ts'

afterEach(closeAll)

const secret = 'k/9+Zq"7w'
const bearer = allow({ credential: { secretRef: { name: 'token' }, as: 'BearerToken' } })
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4)
const echoing = async (listener: RequestListener, rules: object[] = bearer) => {
  const origin = await upstream(listener)
  return start(origin.port, rules, { credential: () => Promise.resolve(secret) })
}

describe('the credential of a rule', () => {
  test('goes out in place of what the agent sent, and is recorded by name only', async () => {
    const seen: (string | undefined)[] = []
    const bench = await echoing((request, response) => {
      seen.push(request.headers.authorization)
      response.end()
    })
    await curl(bench.port, '-H', 'Authorization: Bearer placeholder')
    expect(seen).toEqual([`Bearer ${secret}`])
    expect((await bench.recorded('credential.injected')).attributes).toMatchObject({
      'chaperone.credential.ref': 'token',
    })
    await bench.recorded('response')
    expect(JSON.stringify(bench.records)).not.toContain(JSON.stringify(secret).slice(1, -1))
  })

  test('is the only key that goes out, whatever field the agent put its own into', async () => {
    const keys = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']
    const given = keys.flatMap((name) => ['-H', `${name}: of-the-agent`])
    const seen: string[][] = []
    const listener: RequestListener = (request, response) => {
      seen.push(keys.concat('x-trace').filter((name) => request.headers[name] !== undefined))
      response.end()
    }
    const credential = (extra: object) => allow({ credential: { secretRef: { name: 'token' }, ...extra } })
    const bench = await echoing(listener, credential({ as: 'Header', header: 'X-Api-Key' }))
    await curl(bench.port, ...given, '-H', 'x-trace: 1')
    bench.setPolicy(credential({ as: 'BearerToken' }))
    await curl(bench.port, ...given)
    // A field of an upstream's own stands beside what else it wants.
    bench.setPolicy(credential({ as: 'Header', header: 'x-trace' }))
    await curl(bench.port, '-H', 'authorization: of-the-agent')
    expect(seen).toEqual([['x-api-key', 'x-trace'], ['authorization'], ['authorization', 'x-trace']])
  })

  test('that an upstream echoes is hidden in header fields, body and trailers, and in the record', async () => {
    const bench = await echoing((request, response) => {
      const echoed = request.headers.authorization ?? ''
      response.writeHead(200, { 'content-type': 'text/plain', 'x-echo': echoed, trailer: 'x-late' })
      for (const character of `you sent ${echoed}.`) response.write(character)
      response.addTrailers({ 'x-late': echoed })
      response.end()
    })
    const answer = await raw(bench.port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'close')
    expect(answer).toContain('x-echo: Bearer *********\r\n')
    expect(answer).toContain('x-late: Bearer *********\r\n')
    expect(answer).not.toContain(secret)
    const response = await bench.recorded('response')
    expect(response.body).toBe('you sent Bearer *********.')
    expect(response.attributes).toMatchObject({
      'chaperone.mask.count': 3,
      'chaperone.mask.detectors': ['Credential'],
    })
  })

  test.each([
    ['a JSON string', JSON.stringify({ token: secret })],
    ['a JSON string with the slash escaped', JSON.stringify({ token: secret }).replace('/', '\\/')],
    ['a URL', `/login?token=${encodeURIComponent(secret)}`],
  ])('is hidden in %s', async (_name, body) => {
    const bench = await echoing((_request, response) => response.end(body))
    const shown = bodyOf(await curl(bench.port))
    expect(shown).toHaveLength(body.length)
    expect(shown).toMatch(/\*{9,}/)
    expect(shown).not.toContain('7w')
  })

  test.each([
    ['the bytes of the header field', (value: string) => Buffer.from(value, 'latin1')],
    ['UTF-8', (value: string) => Buffer.from(value)],
    ['JSON as Go writes it', () => Buffer.from('pä\\u003cw\\u0026/ö+"x'.replace('"', '\\"'))],
    ['JSON as Python writes it', () => Buffer.from('p\\u00e4<w&/\\u00f6+\\"x')],
    ['JSON as PHP writes it', () => Buffer.from('p\\u00e4<w&\\/\\u00f6+\\"x')],
    ['JSON as .NET writes it', () => Buffer.from('p\\u00E4\\u003Cw\\u0026/\\u00F6\\u002B\\u0022x')],
    ['a URL in lower case', () => Buffer.from('p%c3%a4%3cw%26%2f%c3%b6%2b%22x')],
    ['a URL of the bytes of the header field', () => Buffer.from('p%E4%3Cw%26%2F%F6%2B%22x')],
  ])('that is not ASCII is sent as it is and hidden in %s', async (_name, form) => {
    const value = 'pä<w&/ö+"x'
    const seen: (string | undefined)[] = []
    const origin = await upstream((request, response) => {
      seen.push(request.headers.authorization)
      response.end(Buffer.concat([Buffer.from('<'), form(value), Buffer.from('>')]))
    })
    const bench = await start(origin.port, bearer, { credential: () => Promise.resolve(value) })
    expect(bodyOf(await curl(bench.port))).toMatch(/^<\*{10,}>$/)
    expect(seen).toEqual([`Bearer ${value}`])
  })

  test('as user name and password is hidden in the header it makes and by itself', async () => {
    const bench = await echoing(
      (request, response) => response.end(`${request.headers.authorization ?? ''} is ada:${secret}`),
      allow({ credential: { secretRef: { name: 'token' }, as: 'BasicAuth', username: 'ada' } }),
    )
    expect(bodyOf(await curl(bench.port))).toMatch(/^Basic \*+ is ada:\*{9}$/)
  })

  test('is hidden in bytes that are no text, which stay as they are around it', async () => {
    const bytes = Buffer.concat([Buffer.of(0, 0xff, 0xc3), Buffer.from(secret), Buffer.of(0xc3, 0)])
    const bench = await echoing((_request, response) => {
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        etag: '"x"',
        'content-length': bytes.length,
      })
      response.end(bytes)
    })
    const answer = await raw(bench.port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'close')
    expect(bodyOf(answer)).toBe('\0\xff\xc3*********\xc3\0')
    expect(answer).toMatch(/content-length: 14\r\n/i)
    expect(answer).toContain('etag: "x"')
  })

  test('is hidden in a coded body, which was not asked for', async () => {
    const asked: (string | undefined)[] = []
    const bench = await echoing((request, response) => {
      asked.push(String(request.headers['accept-encoding']))
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(gzipSync(`token ${secret}`))
    })
    const answer = await curl(bench.port, '-H', 'Accept-Encoding: gzip')
    expect(asked).toEqual(['identity'])
    expect(bodyOf(answer)).toBe('token *********')
    expect(answer).not.toMatch(/content-encoding/i)
  })

  test('keeps an answer away whose coding cannot be undone', async () => {
    const bench = await echoing((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'compress' })
      response.end(secret)
    })
    expect(await curl(bench.port)).toMatch(/^HTTP\/1\.1 502 [^]*MaskingFailed/)
  })

  test('delays no event of a stream', async () => {
    const bench = await echoing((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: first\n\n')
    })
    const socket = connect(bench.port, '127.0.0.1')
    closers.push(() => socket.destroy())
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    let received = ''
    for await (const chunk of socket) {
      received += String(chunk)
      if (received.includes('data: first\n\n')) break
    }
    expect(received).toMatch(/^HTTP\/1\.1 200 [^]*data: first/)
  })
})
