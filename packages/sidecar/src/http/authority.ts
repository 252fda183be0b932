import { isIP } from 'node:net'
import type { Target } from '@chaperone/core'
import type { ClientConnection } from '../engine/engine.ts'

/** The host and port that a request names; undefined when they could be read in two ways. */
export interface Authority {
  readonly host: string
  readonly port: number | undefined
}

/** `host`, `host:port` or `[v6]:port` (RFC 3986 §3.2), without userinfo. Lower case, without a trailing dot. */
export function parseAuthority(text: string): Authority | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const [, v6, name, digits] = match
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && (port < 1 || port > 65535)) return undefined
  if (v6 !== undefined) return isIP(v6) === 6 ? { host: v6.toLowerCase(), port } : undefined
  const host = (name ?? '').toLowerCase().replace(/\.$/, '')
  // Numbers that are no dotted quad are addresses to some parsers (0x7f000001, 127.1) and names to none.
  if (host === '' || (/^(0x[0-9a-f]+|[0-9.]+)$/.test(host) && isIP(host) !== 4)) return undefined
  return { host, port }
}

/**
 * The target of a request: SNI, Host or :authority and the name behind the connection must all be the same host. Only a
 * connection to a bare address takes its name from SNI, or from Host where there is no TLS. An alias stands for the name.
 */
export function requestTarget(
  connection: ClientConnection,
  serverName: string | undefined,
  authority: Authority,
): Target | undefined {
  const named = connection.nameFrom === 'literal' ? (serverName ?? authority.host) : connection.target.host
  const isNamed = (name: string): boolean => name === named || connection.aliases?.includes(name) === true
  if (serverName !== undefined && !isNamed(serverName)) return undefined
  if (!isNamed(authority.host)) return undefined
  if (authority.port !== undefined && authority.port !== connection.target.port) return undefined
  return { host: named, port: connection.target.port }
}
