import { expect, test } from '@jest/globals'
import { canonicalHost } from './canonical-host.ts'
import { matchesHost } from './host-pattern.ts'

test.each([
  ['api.example.com', 'api.example.com', true],
  ['api.example.com', 'API.Example.com.', true],
  ['api.example.com', 'x.api.example.com', false],
  ['*.example.com', 'api.example.com', true],
  ['*.example.com', 'a.b.example.com', true],
  ['*.example.com', 'example.com', false],
  ['*.example.com', 'evil-example.com', false],
  ['*.example.com', '.example.com', false],
  ['*', 'anything', true],
  ['*', '10.0.0.1', true],
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.1', '::ffff:10.0.0.1', true],
  ['10.0.0.1', '::ffff:a00:1', true],
  ['*.0.0.1', '10.0.0.1', false],
  ['::1', '0:0:0:0:0:0:0:1', true],
  ['2001:db8::1', '2001:DB8:0:0::1', true],
  ['*', '10.5', false],
  ['*', '', false],
])('the pattern %s on %j is %s', (pattern, host, expected) => {
  expect(matchesHost(pattern, host)).toBe(expected)
})

test.each([
  '',
  '.',
  'a..b',
  '.a',
  '10.5',
  '2130706433',
  '0x7f.0.0.1',
  '0x7f000001',
  '1.2.3.4.5',
  '010.0.0.1',
  'fe80::1%eth0',
  '1:2',
])('%j only resembles an address and names nothing', (host) => {
  expect(canonicalHost(host)).toBeUndefined()
})
