import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { ClientTimeouts } from './limits.ts'

/**
 * What node:http does by itself and node:http2 does not: a connection without streams is closed, be it pinged or not, and a
 * stream whose request never ends is cut.
 */
export function limitSession(session: ServerHttp2Session, { headMs, keepAliveMs, requestMs }: ClientTimeouts): void {
  let open = 0
  let idle = setTimeout(() => session.close(), headMs)
  session.once('close', () => clearTimeout(idle))
  session.on('stream', (stream: ServerHttp2Stream) => {
    open += 1
    clearTimeout(idle)
    const late = stream.endAfterHeaders
      ? undefined
      : setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), requestMs)
    stream.once('end', () => clearTimeout(late))
    stream.once('close', () => {
      clearTimeout(late)
      open -= 1
      if (open === 0 && !session.closed) idle = setTimeout(() => session.close(), keepAliveMs)
    })
  })
}
