import type { Socket } from 'node:net'

export interface PrefixOptions<T> {
  readonly maxBytes: number
  readonly timeoutMs: number
  /** Looks at everything that has come so far; undefined for not enough. May throw: the promise rejects. */
  readonly decide: (bytes: Buffer) => T | undefined
}

export type Prefix<T> =
  | { readonly kind: 'decided'; readonly value: T; readonly bytes: Buffer }
  /** `maxBytes` were not enough to decide. */
  | { readonly kind: 'overlong'; readonly bytes: Buffer }
  | { readonly kind: 'silent' }
  | { readonly kind: 'closed' }

/**
 * Reads from a socket until `decide` has seen enough, bounded in bytes and time. What was read is the caller's to put
 * back with `unshift`; the socket is left as it was found, neither flowing nor explicitly paused.
 */
export function readPrefix<T>(socket: Socket, { maxBytes, timeoutMs, decide }: PrefixOptions<T>): Promise<Prefix<T>> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const finish = (how: () => void): void => {
      clearTimeout(timeout)
      socket.removeListener('readable', onReadable)
      socket.removeListener('end', onClosed)
      socket.removeListener('close', onClosed)
      // The stream forgets its 'readable' listener in the next tick; whoever adds 'data' before that gets none.
      process.nextTick(how)
    }
    const onClosed = (): void => finish(() => resolve({ kind: 'closed' }))
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      bytes = Buffer.concat([bytes, chunk])
      try {
        const value = decide(bytes)
        if (value !== undefined) finish(() => resolve({ kind: 'decided', value, bytes }))
        else if (bytes.length >= maxBytes) finish(() => resolve({ kind: 'overlong', bytes }))
      } catch (error) {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason of an abort is passed on as it is
        finish(() => reject(error))
      }
    }
    const timeout = setTimeout(() => finish(() => resolve({ kind: 'silent' })), timeoutMs)
    socket.on('readable', onReadable)
    socket.on('end', onClosed)
    socket.on('close', onClosed)
    if (socket.destroyed) onClosed()
  })
}
