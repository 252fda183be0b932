import type { Mask } from '@chaperone/mask'
import { WireError, type postgres } from '@chaperone/wire'
import type { ClassifiedSql } from './judge.ts'

/** One reply that the server owes us. */
export interface Expected {
  readonly kind: 'query' | 'parse' | 'bind' | 'close' | 'describe' | 'execute' | 'sync'
  /** Masks rows and messages of this reply. */
  readonly mask?: Mask | undefined
  /** The client did not ask for it: not passed on. */
  readonly ours?: boolean
  /** COPY: the server may ask for data, and then reads nothing else. */
  readonly copies?: boolean
  /** What runs until this reply has ended. */
  readonly sql?: ClassifiedSql
  /** Of the record of the request, for the record of the result. */
  readonly requestSeq?: number
  /** Names and statements change with this reply, and nothing that depends on them may be judged before it. */
  readonly change?: NameChange | undefined
}

export interface NameChange {
  readonly of: 'statements' | 'portals' | 'both'
  readonly apply: () => void
}

/** Replies of each kind, and those that end it (PostgreSQL docs, 55.2.2 and 55.2.3). */
const grammar: Readonly<Record<Expected['kind'], { readonly replies: string; readonly ends: string }>> = {
  query: { replies: 'TDCIGHdcZ', ends: 'Z' },
  parse: { replies: '1', ends: '1' },
  bind: { replies: '2', ends: '2' },
  close: { replies: '3', ends: '3' },
  describe: { replies: 'tTn', ends: 'Tn' },
  execute: { replies: 'DCIsGHdc', ends: 'CIs' },
  sync: { replies: 'Z', ends: 'Z' },
}
const copyReplies = 'GHdc'
/** ErrorResponse, NoticeResponse, ParameterStatus and NotificationResponse may come at any time (55.2.7). */
const anyTime = 'ENSA'

/**
 * Follows which reply belongs to which message; a reply that nobody asked for is the server's fault and passes nobody.
 * After an error in the extended protocol the server drops everything up to Sync, and so do we.
 */
export interface ReplyQueue {
  /** To be called before the message is written. */
  push(expected: Expected): void
  readonly current: Expected | undefined
  readonly length: number
  /** Everything that the server runs, or is still to run. */
  readonly running: ReadonlySet<ClassifiedSql>
  /** An error has come, and no Sync was sent since: the server reads nothing. */
  readonly failed: boolean
  /** A COPY is outstanding. */
  readonly copying: boolean
  /** The server waits for COPY data. */
  readonly copyIn: boolean
  /** The client has sent the last of its COPY data. */
  endCopyIn(): void
  /** Whether an outstanding reply may change names of this kind. */
  changes(of: 'statements' | 'portals'): boolean
  /** Throws WireError when the frame is no reply to what was asked. */
  check(frame: postgres.Frame): void
  /** To be called after each reply was handled. */
  advance(frame: postgres.Frame): void
}

export function createReplyQueue(): ReplyQueue {
  // A pipeline has tens of thousands: entries are passed by an index and cut off together.
  let queue: Expected[] = []
  let head = 0
  const outstanding = { copies: 0, statements: 0, portals: 0 }
  let failed = false
  let copyIn = false

  const count = ({ copies, change }: Expected, step: 1 | -1): void => {
    if (copies === true) outstanding.copies += step
    if (change !== undefined && change.of !== 'portals') outstanding.statements += step
    if (change !== undefined && change.of !== 'statements') outstanding.portals += step
  }
  const shift = (): Expected | undefined => {
    const first = queue[head]
    if (first === undefined) return undefined
    count(first, -1)
    head++
    if (head * 2 > queue.length) {
      queue = queue.slice(head)
      head = 0
    }
    return first
  }

  return {
    push(expected) {
      if (expected.kind === 'sync') failed = false
      // The server drops it, and will not answer.
      if (failed) return
      queue.push(expected)
      count(expected, 1)
    },
    get current() {
      return queue[head]
    },
    get length() {
      return queue.length - head
    },
    get running() {
      return new Set(queue.slice(head).flatMap(({ sql }) => sql ?? []))
    },
    get failed() {
      return failed
    },
    get copying() {
      return outstanding.copies > 0
    },
    get copyIn() {
      return copyIn
    },
    endCopyIn: () => void (copyIn = false),
    changes: (of) => outstanding[of] > 0,
    check({ type }) {
      if (anyTime.includes(type)) return
      const current = queue[head]
      const isUnasked = copyReplies.includes(type) && current?.copies !== true
      if (current !== undefined && grammar[current.kind].replies.includes(type) && !isUnasked) return
      throw new WireError('ERR_WIRE_MALFORMED', 'reply: expected one to what was asked')
    },
    advance({ type }) {
      const current = queue[head]
      if (type === 'G') copyIn = current?.copies === true
      else if (!anyTime.includes(type) || type === 'E') copyIn = false
      if (current === undefined) return
      if (type === 'E' && current.kind !== 'query') {
        while (queue[head] !== undefined && queue[head]?.kind !== 'sync') shift()
        failed = queue.length === head
      } else if (grammar[current.kind].ends.includes(type)) shift()?.change?.apply()
    },
  }
}
