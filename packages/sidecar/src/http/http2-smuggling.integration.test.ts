// What means one thing in HTTP/2 and another where it is written as HTTP/1.1 (RFC 9113 §8.2, §8.3, §10.3).
import { afterEach, expect, test } from '@jest/globals'
import { allow, closeAll, host, start, upstream } from './testdata/http-bench.ts'
import { exchange, fieldBlock, frame, request, type Field } from './testdata/http2-frames.ts'

afterEach(closeAll)

const pseudo = { ':method': 'GET', ':scheme': 'http', ':authority': host, ':path': '/' } as const
/** A request whose pseudo-header fields are these; undefined for none. */
const head = (
  changes: Partial<Record<keyof typeof pseudo, string | undefined>> = {},
  fields: readonly Field[] = [],
): Field[] => [
  ...Object.entries({ ...pseudo, ...changes }).flatMap(([name, value]): Field[] =>
    value === undefined ? [] : [[name, value]],
  ),
  ...fields,
]
const get = (fields: readonly Field[]): Buffer => request(head({}, fields))
const post = (fields: readonly Field[], body: string, trailers?: readonly Field[]): Buffer =>
  request(head({ ':method': 'POST' }, fields), body, trailers)
const injected = ' HTTP/1.1\r\nHost: evil.test\r\n\r\nGET /admin'

const send = async (frames: Buffer) => {
  const origin = await upstream((incoming, response) => {
    incoming.resume()
    incoming.on('end', () => response.end('ok'))
  })
  const { port, dialled } = await start(origin.port, allow({ to: { hosts: ['*'], ports: [443] } }), { whole: true })
  return { answer: await exchange(port, frames), dialled, seen: origin.received() }
}

test.each<[string, Buffer]>([
  ['a name in capitals', get([['Host', 'evil.test']])],
  ['a line break in the path', request(head({ ':path': `/${injected}` }))],
  ['a space in the path', request(head({ ':path': '/admin HTTP/1.1' }))],
  ['a tab in the path', request(head({ ':path': '/\tx' }))],
  ['NUL in the path', request(head({ ':path': '/\0' }))],
  ['a path without a slash', request(head({ ':path': 'admin' }))],
  ['a path that is a URL', request(head({ ':path': 'http://evil.test/' }))],
  ['an empty path', request(head({ ':path': '' }))],
  ['no path', request(head({ ':path': undefined }))],
  ['a star for a path', request(head({ ':path': '*' }))],
  ['two paths', request([...head(), [':path', '/admin']])],
  ['a line break in the method', request(head({ ':method': `GET /${injected}` }))],
  ['a method with a space', request(head({ ':method': 'GET /admin' }))],
  ['a method in small letters', request(head({ ':method': 'get' }))],
  ['an empty method', request(head({ ':method': '' }))],
  ['no method', request(head({ ':method': undefined }))],
  ['two methods', request([[':method', 'POST'], ...head()])],
  ['a line break in the authority', request(head({ ':authority': `${host}\r\nX: y` }))],
  ['two authorities', request([...head(), [':authority', 'evil.test']])],
  ['no authority', request(head({ ':authority': undefined }))],
  ['an empty authority', request(head({ ':authority': '' }))],
  [
    'two Hosts',
    get([
      ['host', host],
      ['host', 'evil.test'],
    ]),
  ],
  ['no scheme', request(head({ ':scheme': undefined }))],
  ['a scheme with a line break', request(head({ ':scheme': 'http\r\nx: y' }))],
  ['a pseudo-header field of an answer', request([...head(), [':status', '200']])],
  ['a pseudo-header field that nobody knows', request([...head(), [':x', 'y']])],
  [
    'a pseudo-header field behind others',
    request([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', host],
      ['x', 'y'],
      [':path', '/'],
    ]),
  ],
  [
    'CONNECT',
    request([
      [':method', 'CONNECT'],
      [':authority', `${host}:443`],
    ]),
  ],
  ['CONNECT for a WebSocket (RFC 8441)', request(head({ ':method': 'CONNECT' }, [[':protocol', 'websocket']]))],
  ['TRACE', request(head({ ':method': 'TRACE' }))],
  ['transfer-encoding', post([['transfer-encoding', 'chunked']], '0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n')],
  ['connection', get([['connection', 'close']])],
  ['an upgrade', get([['upgrade', 'websocket']])],
  ['keep-alive', get([['keep-alive', 'x']])],
  ['proxy-connection', get([['proxy-connection', 'x']])],
  ['te other than trailers', get([['te', 'chunked']])],
  [
    'two lengths',
    post(
      [
        ['content-length', '5'],
        ['content-length', '6'],
      ],
      'hello',
    ),
  ],
  [
    'two equal lengths',
    post(
      [
        ['content-length', '5'],
        ['content-length', '5'],
      ],
      'hello',
    ),
  ],
  ['a length list', post([['content-length', '5, 5']], 'hello')],
  ['a signed length', post([['content-length', '+5']], 'hello')],
  ['a length with a space', post([['content-length', '5 ']], 'hello')],
  ['a length and no body', get([['content-length', '5']])],
  ['a length whose name has an underscore', post([['content_length', '0']], 'hello')],
  ['an empty field block', frame('headers', 0x5, 1)],
  ['a field block that is no HPACK', frame('headers', 0x5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))],
  ['headers on the connection itself', frame('headers', 0x5, 0, fieldBlock(head()))],
  ['headers on a stream of the server', frame('headers', 0x5, 2, fieldBlock(head()))],
  ['data on a stream that is not open', frame('data', 0x1, 1, Buffer.from('GET /admin HTTP/1.1\r\n\r\n'))],
  ['a pushed request', frame('pushPromise', 0x4, 1, Buffer.concat([Buffer.from([0, 0, 0, 2]), fieldBlock(head())]))],
  [
    'another frame in the middle of the headers',
    Buffer.concat([frame('headers', 0x1, 1, fieldBlock(head())), frame('data', 0x1, 1)]),
  ],
  ['a continuation of nothing', frame('continuation', 0x4, 1, fieldBlock(head()))],
  ['HTTP/1.1 behind the preface', Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)],
])('%s is refused, and nothing is dialled', async (_name, frames) => {
  expect(await send(frames)).toEqual({ answer: 'refused', dialled: [], seen: '' })
})

/** As nghttp2 does with fields that are malformed: what is judged has no such field, nor has what is sent. */
test.each<[string, Buffer]>([
  ['a line break in a value', get([['x', 'a\r\nhost: evil.test']])],
  ['a line feed in a value', get([['x', 'a\nhost: evil.test']])],
  ['a carriage return in a value', get([['x', 'a\rb']])],
  ['NUL in a value', get([['x', 'a\0b']])],
  ['a line break in a name', get([['x: y\r\nhost', 'evil.test']])],
  ['a colon in a name', get([['host: evil.test', 'x']])],
  ['a space in a name', get([['host ', 'evil.test']])],
  ['an empty name', get([['', 'x']])],
])('%s has the field left out, and nothing of it goes upstream', async (_name, frames) => {
  const { seen } = await send(frames)
  expect(seen).toBe(`GET / HTTP/1.1\r\nhost: ${host}:443\r\nconnection: keep-alive\r\n\r\n`)
})

/** The head of the request that an upstream sees before the body breaks off, and as much of the body as may have come. */
test.each<[string, Buffer]>([
  ['less than its length', post([['content-length', '50']], 'hello')],
  ['more than its length', post([['content-length', '5']], 'helloGET /admin HTTP/1.1\r\n\r\n')],
  [
    'trailers that are a request',
    post([], 'hello', [
      [':method', 'GET'],
      [':path', '/admin'],
    ]),
  ],
  ['a length among the trailers', post([], 'hello', [['content-length', '9\r\n\r\nGET /admin']])],
])('a body with %s never becomes a whole request, or a second one', async (_name, frames) => {
  const { answer, seen } = await send(frames)
  expect(answer).toBe('refused')
  expect(seen).not.toContain('admin')
  expect(seen).not.toMatch(/^hello$|hello\r\n0\r\n\r\n/m)
})

test.each<[string, Buffer, string]>([
  ['a body without a length', post([], 'GET /admin HTTP/1.1\r\n\r\n'), 'POST / HTTP/1.1'],
  ['a body with a length', post([['content-length', '5']], 'hello'), 'POST / HTTP/1.1'],
  ['a body in a GET', request(head(), 'GET /admin HTTP/1.1\r\n\r\n'), 'GET / HTTP/1.1'],
  ['a scheme that is not that of the connection', request(head({ ':scheme': 'https' })), 'GET / HTTP/1.1'],
  ['trailers', post([], 'hello', [['x-late', '1']]), 'POST / HTTP/1.1'],
  ['te: trailers', get([['te', 'trailers']]), 'GET / HTTP/1.1'],
])('%s goes upstream as one request, and as nothing else', async (_name, frames, line) => {
  const { answer, dialled, seen } = await send(frames)
  expect({ answer, dialled }).toEqual({ answer: 'ok', dialled: [{ host, port: 443 }] })
  const [first, ...others] = seen.split('\r\n').filter((each) => /HTTP\/1\.1$/.test(each))
  expect(first).toBe(line)
  // What looks like another request is inside the body, which is framed.
  expect(others).toEqual(seen.includes('admin') ? ['GET /admin HTTP/1.1'] : [])
  expect(seen).toMatch(seen.includes('admin') ? /\r\n(content-length: 23\r\n\r\n|\r\n17\r\n)GET \/admin/ : /\r\n\r\n/)
  expect(seen).toContain(`\r\nhost: ${host}:443\r\n`)
})
