import type { Socket } from 'node:net'
import { postgres, WireError } from '@chaperone/wire'
import { credentialName, type ClientConnection, type Engine } from '../engine/engine.ts'
import type { Opening } from './accept-client.ts'
import type { FrameReader } from './frames.ts'
import { maxPasswordBytes } from './limits.ts'
import { permitLogin } from './login-permit.ts'
import { ConnectionRefused } from './refuse-connection.ts'
import { startupParameters } from './startup-parameters.ts'
import type { Login } from './upstream-login.ts'

export interface PreparedLogin {
  readonly login: Login
  /** NegotiateProtocolVersion, for a client that asks for more than 3.0; empty for others. */
  readonly negotiation: Buffer
}

/** What logging in takes; throws ConnectionRefused where there must be no login. */
export function prepareLogin(
  engine: Pick<Engine, 'policy' | 'credentials' | 'recorder'>,
  connection: Pick<ClientConnection, 'id' | 'target'>,
  opening: Extract<Opening, { kind: 'session' }>,
  reader: FrameReader,
): PreparedLogin {
  const { target } = connection
  const { credential, cidrs } = permitLogin(engine, target)
  const user = credential?.username ?? opening.parameters.get('user') ?? ''
  const { parameters, refused, unknownOptions } = startupParameters(opening.parameters, user)
  if (refused.length > 0) {
    const message = `start-up parameter ${refused.join(', ')} is not supported`
    throw new ConnectionRefused({ kind: 'refuse', reason: 'Unparseable', message })
  }
  const password = async (): Promise<string> => {
    if (credential === undefined) return askPassword(opening.client, reader)
    const value = await engine.credentials.read(credential)
    await engine.recorder.append('credential.injected', {
      'chaperone.connection.id': connection.id,
      'chaperone.credential.ref': credentialName(credential),
    })
    return value.trimEnd()
  }
  return {
    login: { target, cidrs, parameters, password },
    negotiation: negotiate(opening.minor, unknownOptions),
  }
}

/** We speak 3.0, as every server does, and no option of the protocol (docs ch. 55.2.1). */
function negotiate(minor: number, unknownOptions: readonly string[]): Buffer {
  return minor === 0 && unknownOptions.length === 0
    ? Buffer.alloc(0)
    : postgres.encodeNegotiateProtocolVersion(0, unknownOptions)
}

/** The agent has a password of its own; it is asked for in clear, inside TLS or inside the pod. */
async function askPassword(client: Socket, reader: FrameReader): Promise<string> {
  client.write(postgres.encodeCleartextRequest())
  const frame = await reader.next()
  if (frame?.type !== 'p' || frame.body.length > maxPasswordBytes)
    throw new WireError('ERR_WIRE_MALFORMED', 'login: expected a password message')
  return postgres.decodeQuerySql(frame)
}
