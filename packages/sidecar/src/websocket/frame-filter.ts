import { MaskError, type Mask, type Tally } from '@chaperone/mask'
import type { websocket } from '@chaperone/wire'
import { maskMessage } from './mask-message.ts'

/** What a rule makes of the frames that pass. */
export interface FrameFilter {
  fromClient(frame: websocket.Frame): websocket.Frame
  /** Undefined while a message is incomplete; throws MaskError for what cannot be masked. */
  fromUpstream(frame: websocket.Frame, tally: Tally): websocket.Frame | undefined
}

const passing: FrameFilter = { fromClient: (frame) => frame, fromUpstream: (frame) => frame }

/**
 * Under a mask the client is given whole, masked texts and nothing else that the upstream could write freely: a ping arrives
 * empty and its pong is given back what it asked with, a pong says what the client asked with or nothing.
 */
export function createFrameFilter(mask: Mask | undefined): FrameFilter {
  if (mask === undefined) return passing
  const parts: Buffer[] = []
  /** The latest of either side; a pong may answer that one only (RFC 6455 §5.5.3). */
  let clientPing: Buffer | undefined
  let upstreamPing: Buffer | undefined
  return {
    fromClient(frame) {
      if (frame.kind === 'ping') clientPing = frame.payload
      if (frame.kind !== 'pong' || upstreamPing === undefined) return frame
      const payload = upstreamPing
      upstreamPing = undefined
      return { ...frame, payload }
    },
    fromUpstream(frame, tally) {
      switch (frame.kind) {
        case 'text': {
          parts.push(frame.payload)
          if (!frame.final) return undefined
          const text = Buffer.concat(parts.splice(0)).toString('utf8')
          return { kind: 'text', first: true, final: true, payload: Buffer.from(maskMessage(text, mask, tally)) }
        }
        case 'binary':
          throw new MaskError('ERR_MASK_CONTENT', 'message: expected text under a masking rule')
        case 'ping':
          upstreamPing = frame.payload
          return { ...frame, payload: Buffer.alloc(0) }
        case 'pong':
          return clientPing?.equals(frame.payload) === true ? frame : { ...frame, payload: Buffer.alloc(0) }
        case 'close':
          return { ...frame, reason: mask.text(frame.reason, tally) }
      }
    },
  }
}
