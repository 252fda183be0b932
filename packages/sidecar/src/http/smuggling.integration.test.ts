import { afterEach, describe, expect, test } from '@jest/globals'
import { allow, closeAll, host, raw, start, upstream } from './testdata/http-bench.ts'

afterEach(closeAll)

const evil = `GET /admin HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const post = (fields: string, body: string): string =>
  `POST / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${fields}\r\n\r\n${body}`
const chunked = (body: string, coding = 'chunked'): string => post(`Transfer-Encoding: ${coding}`, body)

/** What the agent gets for these bytes, and all that any upstream sees of them. */
const send = async (request: string) => {
  const origin = await upstream((incoming, response) => {
    incoming.resume()
    incoming.on('end', () => response.end('ok'))
  })
  const { port } = await start(origin.port, allow())
  const answer = await raw(port, request, 'close')
  return { status: /^HTTP\/1\.1 (\d+) /.exec(answer)?.[1], seen: origin.received() }
}

test.each([
  ['CL.TE', post(`Content-Length: ${evil.length + 5}\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${evil}`)],
  ['two lengths', post(`Content-Length: 0\r\nContent-Length: ${evil.length}`, evil)],
  ['two equal lengths', post('Content-Length: 5\r\nContent-Length: 5', 'hello')],
  ['a length list', post(`Content-Length: 0, ${evil.length}`, evil)],
  ['a list of equal lengths', post('Content-Length: 5, 5', 'hello')],
  ['a signed length', post('Content-Length: +5', 'hello')],
  ['a hexadecimal length', post('Content-Length: 0x5', 'hello')],
  ['an empty length', post('Content-Length: ', '')],
  ['a negative length', post('Content-Length: -5', 'hello')],
  ['a length with a space inside', post('Content-Length: 5 5', 'hello')],
  ['a length with a fraction', post('Content-Length: 5.0', 'hello')],
  ['a length with letters behind it', post('Content-Length: 5x', 'hello')],
  ['a length that overflows', post('Content-Length: 18446744073709551621', 'hello')],
  ['a length behind a vertical tab', post('Content-Length: \x0b5', 'hello')],
  ['a length whose name has a NUL', post('Content-Length\0: 5', 'hello')],
  ['space before the colon', post('Content-Length : 5', 'hello')],
  ['a length whose name has an underscore', post('Content_Length: 5', 'hello')],
  ['a method override whose name has underscores', post('X_HTTP_Method_Override: DELETE', '')],
  ['a coding that is not known', chunked('0\r\n\r\n', 'xchunked')],
  ['a coding before chunked', chunked('5\r\nhello\r\n0\r\n\r\n', 'gzip, chunked')],
  ['a coding behind chunked', chunked('0\r\n\r\n', 'chunked, identity')],
  ['chunked twice', chunked('0\r\n\r\n', 'chunked, chunked')],
  ['chunked in two fields', chunked('0\r\n\r\n', 'chunked\r\nTransfer-Encoding: chunked')],
  ['identity in a field before chunked', chunked('0\r\n\r\n', 'identity\r\nTransfer-Encoding: chunked')],
  ['identity alone', chunked('hello', 'identity')],
  ['a quoted coding', chunked('0\r\n\r\n', '"chunked"')],
  ['a coding with a parameter', chunked('0\r\n\r\n', 'chunked;q=1')],
  ['TE.CL', post('Transfer-Encoding: chunked\r\nContent-Length: 4', `5\r\nhello\r\n0\r\n\r\n${evil}`)],
  ['TE.TE', chunked('0\r\n\r\n', 'chunked\r\nTransfer-encoding: cow')],
  ['space before the colon of a coding', post('Transfer-Encoding : chunked', '0\r\n\r\n')],
  ['a tab before the colon of a coding', post('Transfer-Encoding\t: chunked', '0\r\n\r\n')],
  ['a coding on a folded line', post('Transfer-Encoding:\r\n chunked', '0\r\n\r\n')],
  ['a coding in a field that is indented', post(' Transfer-Encoding: chunked', '0\r\n\r\n')],
  ['a coding behind a bare line feed', post('X: y\nTransfer-Encoding: chunked', '0\r\n\r\n')],
  ['a coding behind a bare carriage return', post('X: y\rTransfer-Encoding: chunked', '0\r\n\r\n')],
  ['a coding with a comma behind it', chunked('0\r\n\r\n', 'chunked,')],
  ['a coding behind a comma', chunked('0\r\n\r\n', ',chunked')],
  ['a coding with an ending of other letters', chunked('0\r\n\r\n', 'chun\u212aed')],
  ['a coding whose name has an underscore', post('Transfer_Encoding: chunked', '0\r\n\r\n')],
  ['a coding behind a vertical tab', chunked('0\r\n\r\n', '\x0bchunked')],
  ['an empty coding', chunked('', '')],
  ['a coding in HTTP/1.0', chunked('5\r\nhello\r\n0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0')],
  ['a chunk size that overflows', chunked('ffffffffffffffff1\r\nx\r\n0\r\n\r\n')],
  ['a bare line feed in the head', `POST / HTTP/1.1\r\nHost: ${host}\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a bare carriage return in the head', `GET / HTTP/1.1\r\nHost: ${host}\rX: y\r\n\r\n`],
  ['a folded header', `GET / HTTP/1.1\r\nHost: ${host}\r\nX: a\r\n b\r\n\r\n`],
  ['NUL in a value', `GET / HTTP/1.1\r\nHost: ${host}\r\nX: a\0b\r\n\r\n`],
  ['a tab in the request line', `GET /\tx HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['lines that end in line feeds alone', `GET / HTTP/1.1\nHost: ${host}\n\n`],
  ['lines that end in carriage returns alone', `GET / HTTP/1.1\rHost: ${host}\r\r`],
  ['a header without a colon', `GET / HTTP/1.1\r\nHost: ${host}\r\nX\r\n\r\n`],
  ['a header without a name', `GET / HTTP/1.1\r\nHost: ${host}\r\n: x\r\n\r\n`],
  ['a space in front of the first header', `GET / HTTP/1.1\r\n Host: ${host}\r\n\r\n`],
  ['NUL in a name', `GET / HTTP/1.1\r\nHost: ${host}\r\nX\0Y: a\r\n\r\n`],
  ['NUL in the request line', `GET /\0 HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a space in the path', `GET /a b HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a method with a space', `GE T / HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a method in front of a method', `XGET POST / HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a method in small letters', `get / HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a space in front of the method', ` GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a carriage return behind the version', `GET / HTTP/1.1\r\r\nHost: ${host}\r\n\r\n`],
  ['HTTP/1.10', `GET / HTTP/1.10\r\nHost: ${host}\r\n\r\n`],
  ['http/1.1 in small letters', `GET / http/1.1\r\nHost: ${host}\r\n\r\n`],
  ['no version', `GET / \r\nHost: ${host}\r\n\r\n`],
  ['HTTP/0.9', 'GET /\r\n\r\n'],
  ['HTTP/1.2', `GET / HTTP/1.2\r\nHost: ${host}\r\n\r\n`],
  ['HTTP/2.0 in the words of HTTP/1.1', `GET / HTTP/2.0\r\nHost: ${host}\r\nConnection: close\r\n\r\n`],
])('%s is refused, and no byte of it reaches an upstream', async (_name, request) => {
  expect(await send(request)).toEqual({ status: '400', seen: '' })
})

/** One request as it goes upstream; undici counts a short body that is there already, and chunks others. */
const forwarded = (line: string, body: string): string[] => {
  const head = `${line} HTTP/1.1\r\nhost: ${host}:443\r\nconnection: keep-alive\r\n`
  return [
    `${head}content-length: ${body.length}\r\n\r\n${body}`,
    `${head}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  ]
}

test.each([
  ['a length', post('Content-Length: 5', 'hello'), forwarded('POST /', 'hello')],
  ['chunks', chunked('2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'), forwarded('POST /', 'hello')],
  ['chunked in other letters', chunked('5\r\nhello\r\n0\r\n\r\n', 'Chunked'), forwarded('POST /', 'hello')],
  ['chunks with leading zeros', chunked('005\r\nhello\r\n000\r\n\r\n'), forwarded('POST /', 'hello')],
  [
    'a request line with two spaces',
    post('Content-Length: 5', 'hello').replace('POST ', 'POST  '),
    forwarded('POST /', 'hello'),
  ],
  ['a last chunk of many zeros', chunked('5\r\nhello\r\n00000\r\n\r\n'), forwarded('POST /', 'hello')],
  ['a size in capitals', chunked('A\r\nhellohello\r\n0\r\n\r\n'), forwarded('POST /', 'hellohello')],
  ['empty lines in front of a request', `\r\n\r\n${post('Content-Length: 5', 'hello')}`, forwarded('POST /', 'hello')],
  ['a length behind spaces and tabs', post('Content-Length: \t 5 \t', 'hello'), forwarded('POST /', 'hello')],
  ['a length with leading zeros', post('Content-Length: 005', 'hello'), forwarded('POST /', 'hello')],
  ['chunk extensions', chunked('5;evil="a;b"\r\nhello\r\n0;x\r\n\r\n'), forwarded('POST /', 'hello')],
  ['trailers', chunked('5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n'), forwarded('POST /', 'hello')],
  ['a body that looks like a request', post(`Content-Length: ${evil.length}`, evil), forwarded('POST /', evil)],
  ['a body on a GET', post(`Content-Length: ${evil.length}`, evil).replace('POST', 'GET'), forwarded('GET /', evil)],
])('%s goes upstream as one request, and as nothing else', async (_name, request, expected) => {
  const { status, seen } = await send(request)
  expect(status).toBe('200')
  expect(expected).toContain(seen)
})

test.each([
  ['a chunk that is longer than it says', '5\r\nhelloxx0\r\n\r\n'],
  ['a size with a prefix', '5\r\nhello\r\n0x5\r\nhello\r\n0\r\n\r\n'],
  ['a negative size', '5\r\nhello\r\n-5\r\nhello\r\n0\r\n\r\n'],
  ['a size with a space', '5\r\nhello\r\n5 \r\nhello\r\n0\r\n\r\n'],
  ['a line feed alone behind a size', '5\r\nhello\r\n5\nhello\r\n0\r\n\r\n'],
  ['a line feed in an extension', '5\r\nhello\r\n5;a\n3\r\nhello\r\n0\r\n\r\n'],
  ['an extension without end', `5\r\nhello\r\n5;a=${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
  ['an empty size', '5\r\nhello\r\n\r\nhello\r\n0\r\n\r\n'],
  ['a signed size', '5\r\nhello\r\n+5\r\nhello\r\n0\r\n\r\n'],
  ['a size that is no number', '5\r\nhello\r\ng\r\nhello\r\n0\r\n\r\n'],
  ['a size behind a space', '5\r\nhello\r\n 5\r\nhello\r\n0\r\n\r\n'],
  ['a carriage return alone behind a size', '5\r\nhello\r\n5\rhello\r\n0\r\n\r\n'],
  ['a line feed alone behind a chunk', '5\r\nhello\n0\r\n\r\n'],
  ['NUL in an extension', '5\r\nhello\r\n5;a\0\r\nhello\r\n0\r\n\r\n'],
  ['a last chunk with a prefix', '5\r\nhello\r\n0x0\r\n\r\n'],
  ['a last chunk with a sign', '5\r\nhello\r\n-0\r\n\r\n'],
  ['a last chunk with a space', '5\r\nhello\r\n0 \r\n\r\n'],
  ['a last chunk behind a line feed alone', '5\r\nhello\r\n0\n\r\n'],
  ['a bare line feed among the trailers', '5\r\nhello\r\n0\r\nX: y\nZ: 1\r\n\r\n'],
  ['a folded trailer', '5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n'],
  ['a length among the trailers', '5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n'],
])('a body that breaks with %s never becomes a whole request', async (_name, body) => {
  const { status, seen } = await send(chunked(body))
  expect(status).toBe('400')
  const [, whole = ''] = forwarded('POST /', 'hello')
  // Nothing, or the good part without the end of it.
  expect(whole.replace(/0\r\n\r\n$/, '').startsWith(seen)).toBe(true)
})

describe('a second request on the same connection', () => {
  test('is judged for itself, and only what may pass goes upstream', async () => {
    const origin = await upstream((_incoming, response) => response.end('ok'))
    const { port } = await start(origin.port, allow({ match: { http: { paths: ['/open'] } } }))
    const get = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`
    const answers = await raw(
      port,
      `POST /closed HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 3\r\n\r\nabc${get('/open')}${get('/closed', 'Connection: close\r\n')}`,
      'close',
    )
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 200', 'HTTP/1.1 403'])
    expect(origin.received()).toBe(`GET /open HTTP/1.1\r\nhost: ${host}:443\r\nconnection: keep-alive\r\n\r\n`)
  })
})
