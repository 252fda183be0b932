import type { Duplex } from 'node:stream'
import { createTally, type Mask, type Tally } from '@chaperone/mask'
import { postgres, WireError } from '@chaperone/wire'
import type { Engine } from '../engine/engine.ts'
import { UpstreamError } from '../errors.ts'
import type { Catalog } from './catalog.ts'
import { write, type FrameReader } from './frames.ts'
import { createReplyQueue, type Expected, type ReplyQueue } from './replies.ts'
import { createReplyMasker } from './reply-masking.ts'
import { unfitSetting } from './startup-parameters.ts'

/** Carries the server's replies to the client, masked and in order. */
export interface ServerPump {
  readonly replies: ReplyQueue
  readonly transaction: postgres.TransactionState
  /** Resolves when the server owes nothing more. */
  idle(): Promise<void>
  /** Resolves when no COPY is outstanding, or its data may be sent. */
  copySettled(): Promise<void>
  /** Until the server closes. Rejects with UpstreamError when it says what nobody asked for, or what we cannot mask. */
  run(): Promise<void>
}

export interface PumpPorts {
  readonly recorder: Engine['recorder']
  readonly client: Duplex
  readonly reader: FrameReader
  readonly catalog: Pick<Catalog, 'load'>
  readonly connectionId: string
  /** Called when the server is outside a transaction, where no portal lives on. */
  readonly onTransactionEnd: () => void
}

/** Replies that came together are passed on together, up to so many bytes. */
const maxGatheredBytes = 64 * 1024

export function createServerPump(ports: PumpPorts): ServerPump {
  const { client, reader } = ports
  const replies = createReplyQueue()
  const masker = createReplyMasker(ports.catalog)
  const results = createResultRecorder(ports)
  const waiters = new Set<() => void>()
  let transaction: postgres.TransactionState = 'I'
  /** Masks what belongs to no request, such as a notification. */
  let latestMask: Mask | undefined
  let gathered: Buffer[] = []
  let gatheredBytes = 0

  const gather = (bytes: Buffer): void => {
    gathered.push(bytes)
    gatheredBytes += bytes.length
  }
  const flush = async (): Promise<void> => {
    if (gathered.length === 0) return
    const bytes = Buffer.concat(gathered)
    gathered = []
    gatheredBytes = 0
    await write(client, bytes)
  }

  /** Follows what a reply says of the connection. */
  const note = (frame: postgres.Frame): void => {
    if (frame.type === 'S') {
      const unfit = unfitSetting(postgres.decodeParameterStatus(frame))
      if (unfit !== undefined) throw new UpstreamError('UpstreamUntrusted', unfit)
    } else if (frame.type === 'Z') {
      transaction = postgres.decodeReadyForQuery(frame)
      masker.ready()
      if (transaction === 'I') ports.onTransactionEnd()
    }
  }

  const handle = async (frame: postgres.Frame): Promise<void> => {
    replies.check(frame)
    const expected = replies.current
    const mask = expected === undefined ? latestMask : expected.mask
    latestMask = mask ?? latestMask
    const isWithheld = masker.withholds && !'ZNSA'.includes(frame.type)
    const bytes = mask === undefined ? frame.bytes : await masker.mask(frame, mask, results.tally)
    note(frame)
    await results.count(frame, expected)
    const isOurs = expected?.ours === true && 'Tn'.includes(frame.type)
    if (!isOurs && !isWithheld) gather(bytes)
    replies.advance(frame)
    if (reader.hasNext && gatheredBytes < maxGatheredBytes) return
    await flush()
    for (const wake of waiters) wake()
    waiters.clear()
  }

  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => waiters.add(resolve))
  }

  return {
    replies,
    get transaction() {
      return transaction
    },
    idle: () => until(() => replies.length === 0 && gathered.length === 0),
    copySettled: () => until(() => replies.copyIn || !replies.copying),
    async run() {
      try {
        for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) await handle(frame)
      } catch (error) {
        await flush()
        if (!(error instanceof WireError)) throw error
        throw new UpstreamError('UpstreamUnreachable', `the server does not keep to the protocol: ${error.message}`)
      }
    },
  }
}

interface ResultRecorder {
  /** Of the result that is coming. */
  readonly tally: Tally
  /** Counts a reply, and records the result that it ends. */
  count(frame: postgres.Frame, expected: Expected | undefined): Promise<void>
}

function createResultRecorder({
  recorder,
  connectionId,
}: Pick<PumpPorts, 'recorder' | 'connectionId'>): ResultRecorder {
  let tally = createTally()
  let rows = 0
  const end = async (expected: Expected | undefined, outcome: { tag?: string; sqlstate?: string }): Promise<void> => {
    const [{ total, findings }, returned] = [tally, rows]
    tally = createTally()
    rows = 0
    if (expected?.requestSeq === undefined) return
    await recorder.append('result', {
      'chaperone.connection.id': connectionId,
      'chaperone.request.seq': expected.requestSeq,
      'db.response.returned_rows': returned,
      'db.response.status_code': outcome.sqlstate,
      'chaperone.db.command': outcome.tag,
      'chaperone.mask.count': total,
      'chaperone.mask.detectors': findings.map((finding) => finding.detector),
    })
  }
  return {
    get tally() {
      return tally
    },
    async count(frame, expected) {
      switch (frame.type) {
        case 'D':
        case 'd':
          rows++
          return undefined
        case 'C':
        case 'I':
        case 's':
          return end(expected, { tag: frame.body.toString('utf8', 0, Math.max(0, frame.body.length - 1)) })
        case 'E':
          return end(expected, { sqlstate: postgres.decodeFields(frame).get('C') ?? '' })
        default:
          return undefined
      }
    },
  }
}
