import type { Duplex } from 'node:stream'
import { postgres, WireError } from '@chaperone/wire'
import { takeDuringCopyIn } from './copy-in.ts'
import { createExtendedQuery } from './extended-query.ts'
import { write, type FrameReader } from './frames.ts'
import type { Judge } from './judge.ts'
import type { PreparedNames } from './prepared-names.ts'
import type { ServerPump } from './server-pump.ts'
import { simpleQuery } from './simple-query.ts'

export interface ClientSessionPorts {
  readonly judge: Judge
  readonly names: PreparedNames
  readonly pump: ServerPump
  readonly client: Duplex
  readonly reader: FrameReader
  readonly server: Duplex
}

/**
 * The agent's side, one message after the other: nothing more is read while a verdict is awaited, and no byte of a
 * statement is written to the server before the verdict on it, its binds included. A denial leaves the connection and its
 * transaction as they were.
 */
export async function runClientSession(ports: ClientSessionPorts): Promise<void> {
  const { reader, server, client, pump } = ports
  const extended = createExtendedQuery(ports)

  const handle = async (frame: postgres.Frame): Promise<void> => {
    // What COPY does not read itself waits for its end.
    if (pump.replies.copying) await pump.copySettled()
    if (pump.replies.copyIn) return takeDuringCopyIn(ports, frame)
    if (extended.skipping && frame.type !== 'S') return
    switch (frame.type) {
      case 'P':
      case 'B':
      case 'D':
      case 'E':
      case 'C':
        return extended.gather(frame)
      case 'H':
        return extended.flush()
      case 'S':
        return extended.sync()
      case 'Q':
      case 'd':
      case 'c':
      case 'f':
        if (extended.pending) {
          await extended.flush()
          return handle(frame)
        }
        // COPY data that nobody waits for is dropped, as by the server (docs ch. 55.2.6).
        return frame.type === 'Q' ? simpleQuery(ports, frame) : undefined
      case 'F':
        await pump.idle()
        if (pump.replies.failed) return
        return write(client, Buffer.concat([functionCallRefused, postgres.encodeReadyForQuery(pump.transaction)]))
      default:
        throw new WireError('ERR_WIRE_MALFORMED', 'message type: expected one of a client')
    }
  }

  for (let frame = await reader.next(); frame !== undefined && frame.type !== 'X'; frame = await reader.next())
    await handle(frame)
  // What was asked for before is still answered; of COPY data there will be no more.
  if (!pump.replies.copying) await pump.idle()
  server.end(postgres.encodeTerminate())
}

/** It names a function by OID, which no rule can speak of; "obsolete" since 8.0 (docs ch. 55.2.5). */
const functionCallRefused = postgres.encodeError({
  severity: 'ERROR',
  code: '0A000',
  message: 'function calls by OID are not supported',
  hint: 'Call the function in a SELECT statement.',
})
