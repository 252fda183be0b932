import { expect, test } from '@jest/globals'
import { parseProxyHead } from './explicit-proxy.ts'

const parse = (text: string) => parseProxyHead(Buffer.from(text))

test('CONNECT opens a tunnel to a name and port', () => {
  expect(parse('CONNECT Api.test:443 HTTP/1.1\r\nhost: api.test:443\r\n\r\n\x16\x03')).toEqual({
    kind: 'tunnel',
    target: { host: 'api.test', port: 443 },
    bytes: 53,
  })
  expect(parse('CONNECT [fd00::1]:8443 HTTP/1.1\r\n\r\n')).toMatchObject({ target: { host: 'fd00::1', port: 8443 } })
})

test('a request in absolute form names its target', () => {
  expect(parse('GET http://api.test/x HTTP/1.1\r\n\r\n')).toEqual({
    kind: 'absolute',
    target: { host: 'api.test', port: 80 },
  })
})

test('an incomplete head is waited for', () => {
  expect(parse('CONNECT api.test:443 HTTP/1.1\r\n')).toBeUndefined()
})

test.each([
  'GET / HTTP/1.1',
  'CONNECT api.test HTTP/1.1',
  'CONNECT api.test:0 HTTP/1.1',
  'CONNECT a@b:443 HTTP/1.1',
  'GET https://api.test/ HTTP/1.1',
  'GET http://user@api.test/ HTTP/1.1',
  'get http://api.test/ HTTP/1.1',
  'CONNECT api.test:443 HTTP/2.0',
])('%s is refused', (line) => {
  expect(parse(`${line}\r\n\r\n`)).toEqual({ kind: 'malformed' })
})
