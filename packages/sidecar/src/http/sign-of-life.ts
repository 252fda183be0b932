import { constants } from 'node:http2'
import { isGone, isHttp2, type Answer, type ServerRequest } from './message.ts'

/** Older Go bears five informational responses before the answer, and 100 (Continue) may have been one. */
const maxSigns = 4

/**
 * Clients that are known to pass over informational responses. HTTP has no way to ask, and others take one for the answer:
 * Python's http.client, and so requests, all but 100, and undici ends the connection on a 100 that it did not ask for.
 */
const bearsSigns = /^(curl|git|Go-http-client|node|undici|python-httpx|Python\/[\d.]+ aiohttp)\b/

/** Tells a client whose request is held that it is not forgotten (102, RFC 2518 §10.1). Starts once; returns how to stop. */
export function createSignOfLife(request: ServerRequest, answer: Answer, intervalMs: number): SignOfLife {
  let timer: NodeJS.Timeout | undefined
  let left = maxSigns
  const isBorne = request.httpVersion !== '1.0' && bearsSigns.test(request.headers['user-agent'] ?? '')
  const stop = (): void => clearInterval(timer)
  const show = (): void => {
    if (isGone(request, answer) || answer.headersSent) return stop()
    if (isHttp2(request)) request.stream.additionalHeaders({ ':status': constants.HTTP_STATUS_PROCESSING })
    else answer.writeProcessing()
    left -= 1
    if (left === 0) stop()
  }
  return {
    start() {
      if (isBorne) timer ??= setInterval(show, intervalMs)
    },
    stop,
  }
}

export interface SignOfLife {
  start(): void
  stop(): void
}
