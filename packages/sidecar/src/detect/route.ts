import type { DenialReason, Protocol, Target } from '@chaperone/core'
import type { ClientHello } from '@chaperone/wire'
import type { SniffedHello } from '../drivers.ts'
import type { ClientConnection } from '../engine/engine.ts'
import { probeName } from '../verify/probe.ts'
import type { Sniffed } from './sniff.ts'

/** A connection before its first byte: where it goes, and by what name. */
export interface Origin {
  readonly target: Target
  readonly nameFrom: ClientConnection['nameFrom']
  /** Other names that the agent may use for the target. */
  readonly aliases: readonly string[]
}

export type Route =
  | {
      readonly kind: 'drive'
      readonly protocol: Protocol
      readonly target: Target
      readonly hello?: SniffedHello
      readonly http2?: boolean
    }
  /** `verify` looks whether we are here. */
  | { readonly kind: 'probe'; readonly hello: SniffedHello }
  | { readonly kind: 'refuse'; readonly reason: DenialReason; readonly message: string; readonly alert?: number }
  /** The client said nothing and went. */
  | { readonly kind: 'drop' }

/** What the policy says before anything is known of an action. */
export interface RoutePolicy {
  /** Whether a rule other than Deny names the host and port. */
  readonly isNamed: (host: string, port: number) => boolean
  /** Whether TLS to it passes unread. */
  readonly passesUnread: (target: Target) => boolean
}

/** TLS alerts (RFC 8446 §6.2). */
const unrecognizedName = 112
const noApplicationProtocol = 120
const httpAlpn = ['http/1.1', 'h2', 'http/1.0']
const postgresAlpn = 'postgresql'

/** Chooses the driver by what the client says first; unknown means refused. */
export function routeConnection(sniffed: Sniffed, origin: Origin, policy: RoutePolicy): Route {
  const { target } = origin
  switch (sniffed.kind) {
    case 'tls':
      return routeTls(sniffed.hello, origin, policy)
    case 'plain':
      return routePlain(sniffed.protocol, target)
    case 'unknown':
      return { kind: 'refuse', reason: 'Unparseable', message: sniffed.why }
    case 'silent':
      return { kind: 'refuse', reason: 'Unparseable', message: 'the client said nothing that names a protocol' }
    case 'closed':
      return { kind: 'drop' }
  }
}

function routePlain(protocol: Extract<Sniffed, { kind: 'plain' }>['protocol'], target: Target): Route {
  switch (protocol) {
    case 'http1':
      return { kind: 'drive', protocol: 'HTTP', target }
    case 'http2':
      return { kind: 'drive', protocol: 'HTTP', target, http2: true }
    case 'postgres':
      return { kind: 'drive', protocol: 'Postgres', target }
    case 'ssh':
      return { kind: 'refuse', reason: 'Unparseable', message: 'SSH is not supported' }
  }
}

/**
 * The name in a ClientHello must be the one behind the address: who fronts one host by another is refused in TLS. A
 * connection to a bare address has no name to compare with; its driver takes SNI for it.
 */
function routeTls(hello: ClientHello, { target, nameFrom, aliases }: Origin, policy: RoutePolicy): Route {
  const { serverName, alpnProtocols } = hello
  const sniffed = serverName === undefined ? { alpnProtocols } : { serverName, alpnProtocols }
  if (serverName === probeName) return { kind: 'probe', hello: sniffed }
  const isKnown = serverName === undefined || serverName === target.host || aliases.includes(serverName)
  if (nameFrom !== 'literal' && (!isKnown || hello.serverNameInvalid))
    return mismatch('the name in the TLS ClientHello is not the name that was looked up')
  // The name in the clear may be a decoy. We hold no key to the other one, so that it is never followed.
  if (hello.encryptedClientHello && serverName !== undefined && !policy.isNamed(serverName, target.port))
    return mismatch('the TLS ClientHello is encrypted and names no host of a rule')
  // Behind an encrypted hello stands another name, which nothing here can compare.
  if (serverName === target.host && !hello.encryptedClientHello && policy.passesUnread(target))
    return { kind: 'drive', protocol: 'TLS', target, hello: sniffed }
  if (alpnProtocols.includes(postgresAlpn)) return { kind: 'drive', protocol: 'Postgres', target, hello: sniffed }
  if (alpnProtocols.length > 0 && !alpnProtocols.some((protocol) => httpAlpn.includes(protocol)))
    return {
      kind: 'refuse',
      reason: 'Unparseable',
      message: 'the TLS client offers no application protocol that is known',
      alert: noApplicationProtocol,
    }
  const named = nameFrom === 'literal' || serverName === undefined ? target : { ...target, host: serverName }
  return { kind: 'drive', protocol: 'HTTP', target: named, hello: sniffed }
}

function mismatch(message: string): Route {
  return { kind: 'refuse', reason: 'NameMismatch', message, alert: unrecognizedName }
}
