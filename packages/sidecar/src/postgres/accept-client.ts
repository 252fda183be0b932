import type { Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'
import type { Clock } from '@chaperone/core'
import { postgres, WireError } from '@chaperone/wire'
import { readPrefix } from '../detect/read-prefix.ts'
import type { TlsTerminator } from '../tls/tls-terminator.ts'

/** How a client opened: with a session, with a request to cancel another's statement, or with what is neither. */
export type Opening =
  | {
      readonly kind: 'session'
      readonly client: Socket
      /** The client asked for protocol 3.`minor`. */
      readonly minor: number
      readonly parameters: ReadonlyMap<string, string>
    }
  | { readonly kind: 'cancel'; readonly client: Socket; readonly processId: number; readonly secretKey: Buffer }
  | { readonly kind: 'malformed'; readonly client: Socket; readonly message: string }
  | { readonly kind: 'closed' }

export interface AcceptPorts {
  readonly tls: TlsTerminator
  readonly clock: Clock
  readonly startupMs: number
}

/**
 * Start-up of the agent's side: no GSS encryption, TLS with our leaf when asked for, each at most once (docs ch. 55.2.10),
 * then the parameters. All of it takes `startupMs` at most.
 */
export async function acceptClient(socket: Socket, host: string, ports: AcceptPorts): Promise<Opening> {
  const deadlineMs = ports.clock.elapsedMs() + ports.startupMs
  const leftMs = (): number => Math.max(0, deadlineMs - ports.clock.elapsedMs())
  let client = socket
  let askedForGss = false
  try {
    for (;;) {
      const message = await readStartup(client, leftMs())
      switch (message?.kind) {
        case undefined:
          return { kind: 'closed' }
        case 'gssEncRequest':
          if (askedForGss) throw new WireError('ERR_WIRE_MALFORMED', 'start-up: expected one GSSENCRequest')
          askedForGss = true
          client.write('N')
          break
        case 'sslRequest':
          if (client !== socket) throw new WireError('ERR_WIRE_MALFORMED', 'start-up: expected one SSLRequest')
          client.write('S')
          client = await secure(socket, await ports.tls.contextFor(host), leftMs())
          break
        case 'cancelRequest':
          return { ...message, kind: 'cancel', client }
        case 'startup':
          return { ...message, kind: 'session', client }
      }
    }
  } catch (error) {
    if (error instanceof WireError) return { kind: 'malformed', client, message: error.message }
    throw error
  }
}

async function readStartup(socket: Socket, timeoutMs: number): Promise<postgres.StartupMessage | undefined> {
  const maxBytes = postgres.maxStartupBytes
  const prefix = await readPrefix(socket, { maxBytes, timeoutMs, decide: postgres.decodeStartup })
  switch (prefix.kind) {
    case 'closed':
      return undefined
    case 'silent':
    case 'overlong':
      throw new WireError('ERR_WIRE_TRUNCATED', 'start-up: expected a complete message in time')
    case 'decided': {
      const { message, rest } = prefix.value
      // What follows a request for encryption would be read as if encryption had protected it (CVE-2021-23214).
      if (rest.length > 0 && message.kind !== 'startup')
        throw new WireError('ERR_WIRE_MALFORMED', 'start-up: expected nothing behind a request')
      if (rest.length > 0) socket.unshift(rest)
      return message
    }
  }
}

function secure(socket: Socket, secureContext: SecureContext, timeoutMs: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const client = new TLSSocket(socket, { isServer: true, secureContext })
    const fail = (why: string) => (): void => {
      clearTimeout(timeout)
      client.destroy()
      reject(new WireError('ERR_WIRE_MALFORMED', `TLS: ${why}`))
    }
    const timeout = setTimeout(fail('expected a complete handshake in time'), timeoutMs)
    client.on('error', fail('expected a handshake')).once('close', fail('expected a whole handshake'))
    client.once('secure', () => {
      clearTimeout(timeout)
      resolve(client)
    })
  })
}
