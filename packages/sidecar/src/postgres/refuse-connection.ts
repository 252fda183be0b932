import type { Socket } from 'node:net'
import { errorText } from '@chaperone/core'
import { WireError } from '@chaperone/wire'
import type { ClientConnection, Engine, Refusal } from '../engine/engine.ts'
import { CredentialError, UpstreamError } from '../errors.ts'
import { postgresRefusal } from '../rescue/postgres.ts'
import { LoginRefused } from './upstream-login.ts'

/** A connection must not be opened. */
export class ConnectionRefused extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

/** Tells the client why its connection ends, and records it. The server's own refusal of a login is passed on as it is. */
export function refuseConnection(
  { log, recorder }: Pick<Engine, 'log' | 'recorder'>,
  { id, target }: Pick<ClientConnection, 'id' | 'target'>,
  client: Socket,
  error: unknown,
): void {
  const refusal = refusalOf(error)
  const { reason, message } = refusal
  log.warn({ connection: id, host: target.host, reason, error: errorText(error) }, 'postgres connection refused')
  if (client.writable) client.write(error instanceof LoginRefused ? error.response : postgresRefusal(refusal, 'FATAL'))
  recorder
    .append('connection.blocked', {
      'chaperone.connection.id': id,
      'server.address': target.host,
      'server.port': target.port,
      'network.protocol.name': 'postgresql',
      'chaperone.decision': 'deny',
      'chaperone.reason': reason,
      'chaperone.message': message,
    })
    .catch((failure: unknown) => log.warn({ connection: id, error: errorText(failure) }, 'a refusal was not recorded'))
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof ConnectionRefused) return error.refusal
  const refusal = (reason: Refusal['reason'], message: string): Refusal => ({ kind: 'refuse', reason, message })
  if (error instanceof UpstreamError) return refusal(error.reason, error.message)
  if (error instanceof CredentialError) return refusal('CredentialUnavailable', error.message)
  if (error instanceof WireError) return refusal('Unparseable', error.message)
  if (error instanceof LoginRefused) return refusal('CredentialUnavailable', error.message)
  return refusal('UpstreamUnreachable', 'the connection to the server broke off')
}
