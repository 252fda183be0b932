import { connect, type Socket } from 'node:net'

export interface RaceOptions {
  readonly port: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Head start of one address over the next (RFC 8305 §5, "Connection Attempt Delay"). */
const attemptDelayMs = 250

/**
 * Connects to the first address that answers: each attempt starts when the one before has failed or has been at it for
 * `attemptDelayMs`. Rejects with the last failure.
 */
export function raceConnect(addresses: readonly string[], options: RaceOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const attempts = new Set<Socket>()
    const waiting = [...addresses]
    let stagger: NodeJS.Timeout | undefined
    const timeout = setTimeout(() => settle(undefined, new Error('connecting timed out')), options.timeoutMs)
    const onAbort = (): void => settle(undefined, abortReason(options.signal))
    options.signal.addEventListener('abort', onAbort, { once: true })

    const settle = (winner: Socket | undefined, error?: Error): void => {
      clearTimeout(timeout)
      clearTimeout(stagger)
      options.signal.removeEventListener('abort', onAbort)
      waiting.length = 0
      for (const attempt of attempts) if (attempt !== winner) attempt.destroy()
      attempts.clear()
      if (winner === undefined) reject(error ?? new Error('no address'))
      else resolve(winner)
    }

    const start = (): void => {
      clearTimeout(stagger)
      const host = waiting.shift()
      if (host === undefined) return
      const socket = connect({ host, port: options.port, noDelay: true, allowHalfOpen: true })
      attempts.add(socket)
      socket.once('connect', () => {
        socket.removeListener('error', onError)
        settle(socket)
      })
      const onError = (error: Error): void => {
        if (!attempts.delete(socket)) return
        if (waiting.length > 0) start()
        else if (attempts.size === 0) settle(undefined, error)
      }
      socket.on('error', onError)
      if (waiting.length > 0) stagger = setTimeout(start, attemptDelayMs)
    }

    if (options.signal.aborted) onAbort()
    else if (waiting.length === 0) settle(undefined)
    else start()
  })
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted')
}
