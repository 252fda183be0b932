import type { Mask } from '@chaperone/mask'
import type { postgres } from '@chaperone/wire'

/** What the server still owes us, in order; each forwarded message adds its part. */
export interface Expected {
  readonly kind: 'query' | 'describe' | 'execute' | 'sync' | 'other'
  /** Masks rows and messages of this reply. */
  readonly mask?: Mask | undefined
  /** Statement (`S name`) or portal (`P name`) that a description is of, or whose rows come. */
  readonly of?: string
  readonly statement?: string
  /** The client did not ask for it: not passed on. */
  readonly ours?: boolean
  /** Of the record of the request, for the record of the result. */
  readonly requestSeq?: number
}

/** Replies that end what a message asked for (docs ch. 55.2.3). */
const endings: Readonly<Record<Expected['kind'], ReadonlySet<string>>> = {
  query: new Set(['Z']),
  describe: new Set(['T', 'n']),
  execute: new Set(['C', 'I', 's']),
  sync: new Set(['Z']),
  other: new Set(['1', '2', '3']),
}

/** Follows which reply belongs to which message. After an error the server skips to Sync, and so do we. */
export interface ReplyQueue {
  push(expected: Expected): void
  readonly current: Expected | undefined
  /** To be called after each reply was handled. */
  advance(frame: postgres.Frame): void
  readonly length: number
}

export function createReplyQueue(): ReplyQueue {
  const queue: Expected[] = []
  return {
    push: (expected) => void queue.push(expected),
    get current() {
      return queue[0]
    },
    get length() {
      return queue.length
    },
    advance(frame) {
      const [current] = queue
      if (current === undefined) return
      if (frame.type === 'E' && current.kind !== 'query') {
        while (queue[0] !== undefined && queue[0].kind !== 'sync') queue.shift()
      } else if (endings[current.kind].has(frame.type)) queue.shift()
    },
  }
}
