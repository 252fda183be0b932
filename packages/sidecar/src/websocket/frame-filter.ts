import { createStreamedTexts, createTally, MaskError, type Finding, type Mask, type Tally } from '@chaperone/mask'
import type { websocket } from '@chaperone/wire'
import { maskMessage } from './mask-message.ts'

/** What a rule makes of the frames that pass. */
export interface FrameFilter {
  fromClient(frame: websocket.Frame): PassingFrame[]
  /** None while a message is incomplete; throws MaskError for what cannot be masked. */
  fromUpstream(frame: websocket.Frame): PassingFrame[]
}

export interface PassingFrame {
  readonly frame: websocket.Frame
  readonly findings: readonly Finding[]
}

const unchanged = (frame: websocket.Frame): PassingFrame[] => [{ frame, findings: [] }]

/**
 * Under a mask the client is given whole, masked texts and nothing else that the upstream could write freely: a ping arrives
 * empty and its pong is given back what it asked with, a pong says what the client asked with or nothing.
 */
export function createFrameFilter(mask: Mask | undefined): FrameFilter {
  if (mask === undefined) return { fromClient: unchanged, fromUpstream: unchanged }
  const parts: Buffer[] = []
  const texts = createStreamedTexts<undefined>(mask)
  /** The latest of either side; a pong may answer that one only (RFC 6455 §5.5.3). */
  let clientPing: Buffer | undefined
  let upstreamPing: Buffer | undefined
  const message = (text: string, tally: Tally): PassingFrame => {
    const payload = Buffer.from(maskMessage(text, mask, tally))
    return { frame: { kind: 'text', first: true, final: true, payload }, findings: tally.findings }
  }
  const made = (events: readonly { readonly data: string; readonly tally: Tally }[]): PassingFrame[] =>
    events.map(({ data, tally }) => message(data, tally))

  return {
    fromClient(frame) {
      if (frame.kind === 'ping') clientPing = frame.payload
      if (frame.kind !== 'pong' || upstreamPing === undefined) return unchanged(frame)
      const payload = upstreamPing
      upstreamPing = undefined
      return unchanged({ ...frame, payload })
    },
    fromUpstream(frame) {
      switch (frame.kind) {
        case 'text': {
          parts.push(frame.payload)
          if (!frame.final) return []
          const tally = createTally()
          const { before, data } = texts.push(Buffer.concat(parts.splice(0)).toString('utf8'), undefined, tally)
          return [...made(before), message(data, tally)]
        }
        case 'binary':
          throw new MaskError('ERR_MASK_CONTENT', 'message: expected text under a masking rule')
        case 'ping':
          upstreamPing = frame.payload
          return unchanged({ ...frame, payload: Buffer.alloc(0) })
        case 'pong':
          return unchanged(clientPing?.equals(frame.payload) === true ? frame : { ...frame, payload: Buffer.alloc(0) })
        case 'close': {
          const tally = createTally()
          const reason = mask.text(frame.reason, tally)
          return [...made(texts.end()), { frame: { ...frame, reason }, findings: tally.findings }]
        }
      }
    },
  }
}
