import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { errorText, type DenialReason } from '@chaperone/core'
import { createTally, MaskError, type Finding, type Mask } from '@chaperone/mask'
import { websocket } from '@chaperone/wire'
import type { Engine } from '../engine/engine.ts'
import { AuditUnavailableError } from '../engine/recorder.ts'
import { createFrameFilter } from './frame-filter.ts'
import { maxMaskedMessageBytes, webSocketTimeouts, type WebSocketTimeouts } from './limits.ts'
import type { MessageJournal } from './message-journal.ts'
import { createSender } from './sender.ts'

/** Why a WebSocket ended: what both sides are told that have not said it themselves (RFC 6455 §7.4). */
export interface Ending {
  readonly code: number
  readonly message: string
  /** Present where we ended it for what a side did. */
  readonly refused?: { readonly reason: DenialReason; readonly by: Side }
}

export type Side = 'client' | 'upstream'

export interface RelayPorts {
  readonly engine: Pick<Engine, 'clock' | 'random' | 'log'>
  readonly mask: Mask | undefined
  readonly journals: Readonly<Record<Side, Pick<MessageJournal, 'add'>>>
  readonly timeouts?: WebSocketTimeouts
}

export interface Relay {
  /** Nothing passes from now on, and both sides are told why. */
  end(ending: Ending): void
  /** Resolves when nothing passes any more. */
  readonly ended: Promise<Ending>
  /** Resolves when both connections are gone, which follows within `closeMs`. */
  readonly closed: Promise<void>
  readonly findings: readonly Finding[]
}

/** Carries frames between two sides that have shaken hands. Each is read, judged to be one, and written anew. */
export function startRelay(ports: RelayPorts, streams: Readonly<Record<Side, Duplex>>): Relay {
  const { engine, mask, journals, timeouts = webSocketTimeouts } = ports
  const { clock, random } = engine
  const filter = createFrameFilter(mask)
  const senders = {
    client: createSender(streams.client, (frame) => websocket.encodeFrame(frame)),
    upstream: createSender(streams.upstream, (frame) => websocket.encodeFrame(frame, random.bytes(4))),
  }
  const total = createTally()
  const decided = Promise.withResolvers<Ending>()
  const gone = new AbortController()
  const closedBy = new Set<Side>()
  let ending: Ending | undefined
  let lastFrameMs = clock.elapsedMs()

  const destroy = (): void => {
    for (const stream of Object.values(streams)) stream.destroy()
  }
  const after = (ms: number, then: () => void): void => void clock.sleep(ms, gone.signal).then(then, () => undefined)

  const end = (why: Ending): void => {
    if (ending !== undefined) return
    ending = why
    for (const sender of Object.values(senders)) sender.end({ kind: 'close', code: why.code, reason: why.message })
    after(timeouts.closeMs, destroy)
    decided.resolve(why)
  }

  /** One side has said goodbye: the other may finish what it says, and answer. */
  const noteClose = (from: Side, { code = 1000, reason }: websocket.CloseFrame): void => {
    closedBy.add(from)
    const why = { code, message: reason }
    if (closedBy.size === 2) end(why)
    else after(timeouts.closeMs, () => end(why))
  }

  const carry = async (from: Side, frame: websocket.Frame): Promise<void> => {
    lastFrameMs = clock.elapsedMs()
    for (const { frame: passing, findings } of from === 'client'
      ? filter.fromClient(frame)
      : filter.fromUpstream(frame)) {
      total.include(findings)
      if (passing.kind === 'text' || passing.kind === 'binary') await journals[from].add(passing, findings)
      await senders[from === 'client' ? 'upstream' : 'client'].send(passing)
      if (passing.kind === 'close') noteClose(from, passing)
    }
  }

  const isOver = (from: Side): boolean => ending !== undefined || closedBy.has(from)

  const pump = async (from: Side): Promise<void> => {
    const isHeldWhole = from === 'upstream' && mask !== undefined
    const decoder = websocket.createFrameDecoder({
      from,
      ...(isHeldWhole ? { maxMessageBytes: maxMaskedMessageBytes } : {}),
    })
    try {
      const chunks = streams[from].iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
      for await (const chunk of chunks) {
        // What comes behind a close is read, so that the peer can finish, and dropped.
        if (isOver(from)) continue
        for (const frame of decoder.push(chunk)) {
          await carry(from, frame)
          if (isOver(from)) break
        }
      }
    } catch (error) {
      end(endingOf(error, from, engine.log))
      streams[from].resume()
    }
    if (!closedBy.has(from)) end({ code: 1001, message: `the ${from} went away` })
  }

  const watchIdle = (): void => {
    const leftMs = lastFrameMs + timeouts.idleMs - clock.elapsedMs()
    if (leftMs <= 0) end({ code: 1001, message: 'idle for too long' })
    else after(leftMs, watchIdle)
  }

  const run = async (): Promise<void> => {
    watchIdle()
    await Promise.allSettled([
      pump('client'),
      pump('upstream'),
      ...Object.values(streams).map((each) => finished(each)),
    ])
    gone.abort()
    destroy()
  }
  return {
    end,
    ended: decided.promise,
    closed: run(),
    get findings() {
      return total.findings
    },
  }
}

function endingOf(error: unknown, by: Side, log: Engine['log']): Ending {
  const refused = (code: number, reason: DenialReason, message: string): Ending => ({
    code,
    message,
    refused: { reason, by },
  })
  if (error instanceof websocket.WebSocketError)
    return refused(error.closeCode, error.closeCode === 1009 ? 'BodyTooLarge' : 'Unparseable', error.message)
  if (error instanceof MaskError) return refused(1003, 'MaskingFailed', error.message)
  if (error instanceof AuditUnavailableError)
    return refused(1011, 'AuditUnavailable', 'nothing passes that cannot be recorded')
  log.debug({ side: by, error: errorText(error) }, 'a WebSocket broke off')
  return { code: 1001, message: 'a connection broke off' }
}
