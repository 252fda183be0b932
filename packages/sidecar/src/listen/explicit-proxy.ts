import { isIP, type Server, type Socket } from 'node:net'
import { errorText, type Target } from '@chaperone/core'
import { isHostName } from '@chaperone/wire'
import type { ConnectionServer } from '../detect/connection-server.ts'
import { readPrefix } from '../detect/read-prefix.ts'
import type { Logger } from 'pino'

/** What a client asks a proxy it knows of. */
type ProxyHead =
  /** CONNECT: bytes after the head belong to the tunnel. */
  | { readonly kind: 'tunnel'; readonly target: Target; readonly bytes: number }
  /** A request in absolute form; the driver reads it anew. */
  | { readonly kind: 'absolute'; readonly target: Target }
  | { readonly kind: 'malformed' }

const maxHeadBytes = 16 * 1024
const headTimeoutMs = 10_000
const httpPort = 80

/** Serves clients that were told of a proxy: CONNECT, and absolute-form requests without TLS (RFC 9110 §9.3.6, RFC 9112 §3.2.2). */
export function serveExplicitProxy(server: Server, connections: ConnectionServer, log: Logger): void {
  const accept = (socket: Socket): void => {
    socket.on('error', () => socket.destroy())
    acceptProxied(socket, connections).catch((error: unknown) => {
      log.warn({ error: errorText(error) }, 'proxy connection failed')
      socket.destroy()
    })
  }
  server.on('connection', accept)
}

async function acceptProxied(socket: Socket, connections: ConnectionServer): Promise<void> {
  const prefix = await readPrefix(socket, { maxBytes: maxHeadBytes, timeoutMs: headTimeoutMs, decide: parseProxyHead })
  if (prefix.kind !== 'decided') return void socket.destroy()
  const { value: head, bytes } = prefix
  switch (head.kind) {
    case 'malformed':
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
      return
    case 'tunnel':
      if (bytes.length > head.bytes) socket.unshift(bytes.subarray(head.bytes))
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      break
    case 'absolute':
      socket.unshift(bytes)
      break
  }
  // A bare address names nobody: what TLS or the request says is taken for the name, and judged.
  const nameFrom = head.kind === 'tunnel' && isIP(head.target.host) !== 0 ? 'literal' : 'proxy'
  connections.serve(socket, { target: head.target, nameFrom, aliases: [] })
}

/** Undefined until the head is complete. Only the request line is read here. */
export function parseProxyHead(bytes: Buffer): ProxyHead | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [line = ''] = bytes.subarray(0, end).toString('latin1').split('\r\n', 1)
  const [, method, requestTarget = ''] = /^([A-Z]{1,32}) (\S+) HTTP\/1\.[01]$/.exec(line) ?? []
  if (method === 'CONNECT') {
    const target = parseTarget(requestTarget, undefined)
    return target === undefined ? { kind: 'malformed' } : { kind: 'tunnel', target, bytes: end + 4 }
  }
  const [, authority] = /^http:\/\/([^/?#]+)/i.exec(requestTarget) ?? []
  const target = method === undefined || authority === undefined ? undefined : parseTarget(authority, httpPort)
  return target === undefined ? { kind: 'malformed' } : { kind: 'absolute', target }
}

/** `host:port` or `[v6]:port`; the port may be left out where there is a usual one. */
function parseTarget(authority: string, usualPort: number | undefined): Target | undefined {
  const [, v6, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(authority) ?? []
  const host = (v6 ?? name ?? '').toLowerCase().replace(/\.$/, '')
  const port = digits === undefined ? usualPort : Number(digits)
  if (port === undefined || port < 1 || port > 65_535) return undefined
  return isIP(host) !== 0 || isHostName(host) ? { host, port } : undefined
}
