import type { Duplex } from 'node:stream'
import type { websocket } from '@chaperone/wire'

/** The writing half of a WebSocket. Nothing follows a close frame (RFC 6455 §5.5.1). */
export interface Sender {
  /** Resolves once the stream has taken the frame, or takes no more; rejects when it breaks. */
  send(frame: websocket.Frame): Promise<void>
  /** Says goodbye, if that was not said yet, and ends the stream. */
  end(goodbye: websocket.CloseFrame): void
}

export function createSender(stream: Duplex, encode: (frame: websocket.Frame) => Buffer): Sender {
  let isClosed = false
  return {
    async send(frame) {
      if (isClosed || stream.writableEnded) return
      isClosed = frame.kind === 'close'
      await new Promise<void>((resolve, reject) => {
        stream.write(encode(frame), (error) => (error == null ? resolve() : reject(error)))
      })
    },
    end(goodbye) {
      if (stream.writableEnded) return
      if (isClosed) return void stream.end()
      isClosed = true
      stream.end(encode(goodbye))
    },
  }
}
