import { postgres } from '@chaperone/wire'
import type { ClientSessionPorts } from './client-session.ts'
import { write } from './frames.ts'

/** A message that comes while the server reads COPY data (docs ch. 55.2.6). */
export function takeDuringCopyIn({ pump, server }: ClientSessionPorts, frame: postgres.Frame): Promise<void> {
  switch (frame.type) {
    case 'd':
      return write(server, frame.bytes)
    case 'c':
    case 'f':
      pump.replies.endCopyIn()
      return write(server, frame.bytes)
    case 'H':
    case 'S':
      // The server ignores them until the data has ended; not sending them keeps the count of its answers.
      return Promise.resolve()
    default:
      // The server would fail the COPY and drop the message, whatever it is.
      pump.replies.endCopyIn()
      return write(server, postgres.encodeCopyFail('unexpected message during COPY'))
  }
}
