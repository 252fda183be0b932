import { describe, expect, test } from '@jest/globals'
import type { ClientHello } from '@chaperone/wire'
import { probeName } from '../verify/probe.ts'
import { routeConnection, type Origin, type Route } from './route.ts'
import type { Sniffed } from './sniff.ts'

const origin: Origin = {
  target: { host: 'api.test', port: 443 },
  nameFrom: 'address',
  aliases: ['api.test.cluster.local'],
}
const literal: Origin = { target: { host: '10.0.0.9', port: 443 }, nameFrom: 'literal', aliases: [] }
const tls = (hello: Partial<ClientHello>): Sniffed => ({
  kind: 'tls',
  hello: { serverNameInvalid: false, alpnProtocols: [], maxVersion: 0x0304, encryptedClientHello: false, ...hello },
})
const route = (sniffed: Sniffed, from: Origin = origin): Route =>
  routeConnection(sniffed, from, {
    isNamed: (host) => host === 'api.test',
    passesUnread: ({ host }) => host === 'pinned.test',
  })

describe('TLS', () => {
  test('with the name that was looked up goes to HTTP', () => {
    expect(route(tls({ serverName: 'api.test', alpnProtocols: ['h2'] }))).toEqual({
      kind: 'drive',
      protocol: 'HTTP',
      target: origin.target,
      hello: { serverName: 'api.test', alpnProtocols: ['h2'] },
    })
  })

  test('without a name takes the one that was looked up', () => {
    expect(route(tls({}))).toMatchObject({ kind: 'drive', target: origin.target, hello: { alpnProtocols: [] } })
  })

  test('with another name than was looked up is refused in TLS', () => {
    const refused = { kind: 'refuse', reason: 'NameMismatch', alert: 112 }
    expect(route(tls({ serverName: 'evil.test' }))).toMatchObject(refused)
    expect(route(tls({ serverNameInvalid: true }))).toMatchObject(refused)
    expect(route(tls({ serverName: 'evil.test' }), { ...origin, nameFrom: 'proxy' })).toMatchObject(refused)
  })

  test('with a longer form of the name is judged by that form', () => {
    expect(route(tls({ serverName: 'api.test.cluster.local' }))).toMatchObject({
      target: { host: 'api.test.cluster.local', port: 443 },
    })
  })

  test('to a bare address leaves the name to the driver', () => {
    expect(route(tls({ serverName: 'evil.test' }), literal)).toMatchObject({ kind: 'drive', target: literal.target })
  })

  test('with an encrypted hello is followed only by the name in the clear, and only where a rule knows it', () => {
    expect(route(tls({ serverName: 'api.test', encryptedClientHello: true }))).toMatchObject({ kind: 'drive' })
    expect(route(tls({ serverName: 'front.test', encryptedClientHello: true }), literal)).toMatchObject({
      kind: 'refuse',
      reason: 'NameMismatch',
    })
  })

  test('passes unread only by the name that was looked up, in the clear', () => {
    const pinned: Origin = { target: { host: 'pinned.test', port: 443 }, nameFrom: 'address', aliases: ['api.test'] }
    const unread = { kind: 'drive', protocol: 'TLS', target: pinned.target }
    expect(route(tls({ serverName: 'pinned.test' }), pinned)).toMatchObject(unread)
    for (const hello of [{}, { serverName: 'api.test' }, { serverName: 'pinned.test', encryptedClientHello: true }])
      expect(route(tls(hello), pinned)).not.toMatchObject({ protocol: 'TLS' })
    expect(route(tls({ serverName: 'pinned.test' }))).toMatchObject({ kind: 'refuse', reason: 'NameMismatch' })
  })

  test('for Postgres goes to Postgres, for anything else nowhere', () => {
    expect(route(tls({ alpnProtocols: ['postgresql'] }))).toMatchObject({ kind: 'drive', protocol: 'Postgres' })
    expect(route(tls({ alpnProtocols: ['imap'] }))).toMatchObject({ kind: 'refuse', alert: 120 })
  })

  test('for the probe is answered by the sidecar itself', () => {
    expect(route(tls({ serverName: probeName }), literal)).toMatchObject({ kind: 'probe' })
  })
})

describe('clear text', () => {
  test.each([
    ['http1', { protocol: 'HTTP' }],
    ['http2', { protocol: 'HTTP', http2: true }],
    ['postgres', { protocol: 'Postgres' }],
  ] as const)('%s has a driver', (protocol, expected) => {
    expect(route({ kind: 'plain', protocol })).toEqual({ kind: 'drive', target: origin.target, ...expected })
  })

  test('what is not known is refused', () => {
    expect(route({ kind: 'plain', protocol: 'ssh' })).toMatchObject({ kind: 'refuse', reason: 'Unparseable' })
    expect(route({ kind: 'unknown', why: 'x' })).toMatchObject({ kind: 'refuse', reason: 'Unparseable' })
    expect(route({ kind: 'silent' })).toMatchObject({ kind: 'refuse', reason: 'Unparseable' })
    expect(route({ kind: 'closed' })).toEqual({ kind: 'drop' })
  })
})
