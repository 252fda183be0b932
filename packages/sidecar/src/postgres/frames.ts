import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { postgres } from '@chaperone/wire'

/** Pulls messages off a stream: nothing is read that nobody asked for. */
export interface FrameReader {
  /** The next message; undefined at the end of the stream. */
  next(): Promise<postgres.Frame | undefined>
  /** Whether the next message has come already. */
  readonly hasNext: boolean
}

export function createFrameReader(stream: Duplex): FrameReader {
  const decoder = postgres.createFrameDecoder()
  const ready: postgres.Frame[] = []
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer, undefined>
  return {
    get hasNext() {
      return ready.length > 0
    },
    async next() {
      for (;;) {
        const frame = ready.shift()
        if (frame !== undefined) return frame
        const chunk = await chunks.next()
        if (chunk.done === true) return undefined
        ready.push(...decoder.push(chunk.value))
      }
    },
  }
}

/** Sends what is left and closes; a peer that does not close as well is cut after `lingerMs`. */
export function closeSoon(socket: Socket, lingerMs: number): void {
  const cut = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(cut))
  if (socket.destroyed) clearTimeout(cut)
  else socket.end()
}

/** Resolves once the stream has taken the bytes; rejects when it closes first. */
export function write(stream: Duplex, bytes: Uint8Array): Promise<void> {
  if (stream.destroyed) return Promise.reject(new Error('stream closed'))
  if (stream.write(bytes)) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => () => {
      stream.off('drain', drained).off('close', closed)
      then()
    }
    const drained = settle(resolve)
    const closed = settle(() => reject(new Error('stream closed')))
    stream.on('drain', drained).on('close', closed)
  })
}
