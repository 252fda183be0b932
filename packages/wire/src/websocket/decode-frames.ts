import { isUtf8 } from 'node:buffer'
import { decodeCloseBody, maxControlBytes } from './close.ts'
import { WebSocketError } from './errors.ts'
import { applyMask, opcodes, type DataFrame, type Frame } from './frame.ts'
import { completeUtf8 } from './utf8.ts'

export interface FrameDecoder {
  /** Frames in order; throws WebSocketError behind the last one that is good. Take all of them before the next chunk. */
  push(chunk: Buffer): Generator<Frame, void, undefined>
}

export interface FrameDecoderOptions {
  /** A client masks its frames, a server does not (RFC 6455 §5.1). */
  readonly from: 'client' | 'upstream'
  /** Bounds a message, and so each of its frames, as soon as a length is announced. */
  readonly maxMessageBytes?: number
}

/** Messages pass in parts and are not held; one that announces more is no message that a peer could take. */
export const maxMessageBytes = 1024 * 1024 * 1024
/** A frame up to this size stays whole; a larger one is given in parts of it, so that no length makes us hold more. */
export const maxPartBytes = 256 * 1024

const maxHeadBytes = 14

interface FrameHead {
  readonly opcode: number
  readonly fin: boolean
  readonly length: number
  readonly maskingKey: Buffer | undefined
}

interface OpenFrame extends FrameHead {
  /** Bytes of earlier parts. */
  done: number
  part: Buffer
  filled: number
}

interface OpenMessage {
  readonly kind: DataFrame['kind']
  bytes: number
  /** Whether a part of it was given. */
  begun: boolean
  /** The beginning of a character whose rest is in the next part. */
  cut: Buffer
}

/**
 * Reads one direction without extensions: large frames come in parts, fragments without content vanish, and each part of a
 * text is valid UTF-8 by itself. What comes out does not depend on how the bytes were cut.
 */
export function createFrameDecoder({
  from,
  maxMessageBytes: max = maxMessageBytes,
}: FrameDecoderOptions): FrameDecoder {
  const head = Buffer.alloc(maxHeadBytes)
  let headFilled = 0
  let open: OpenFrame | undefined
  let message: OpenMessage | undefined
  let isClosed = false

  /** The frame whose head is complete; undefined while it is not. */
  const openFrame = (): OpenFrame | undefined => {
    if (headFilled < 2) return undefined
    if (headFilled === 2) checkStart(head, from, message !== undefined)
    const decoded = decodeHead(head.subarray(0, headFilled))
    if (decoded === undefined) return undefined
    headFilled = 0
    if (decoded.opcode < opcodes.close) {
      message ??= {
        kind: decoded.opcode === opcodes.text ? 'text' : 'binary',
        bytes: 0,
        begun: false,
        cut: Buffer.alloc(0),
      }
      message.bytes += decoded.length
      if (message.bytes > max)
        throw new WebSocketError('ERR_WIRE_LENGTH', 1009, `message: expected at most ${max} bytes`)
    }
    return { ...decoded, done: 0, part: nextPart(decoded.length), filled: 0 }
  }

  /** What a part that is full gives to see, if anything. */
  const takePart = (frame: OpenFrame): Frame | undefined => {
    frame.done += frame.part.length
    const isLast = frame.done === frame.length
    const payload = frame.part
    if (isLast) open = undefined
    else {
      frame.part = nextPart(frame.length - frame.done)
      frame.filled = 0
    }
    if (frame.opcode === opcodes.close) {
      isClosed = true
      return decodeCloseBody(payload)
    }
    if (frame.opcode >= opcodes.close) return { kind: frame.opcode === opcodes.ping ? 'ping' : 'pong', payload }
    const isFinal = isLast && frame.fin
    const part = message === undefined ? undefined : partOf(message, payload, isFinal)
    if (isFinal) message = undefined
    return part
  }

  return {
    *push(chunk) {
      for (let at = 0; at < chunk.length;) {
        if (isClosed) throw new WebSocketError('ERR_WIRE_MALFORMED', 1002, 'close: expected nothing behind it')
        if (open === undefined) {
          head[headFilled++] = chunk[at++] ?? 0
          open = openFrame()
        } else {
          const taken = chunk.copy(open.part, open.filled, at)
          if (open.maskingKey !== undefined)
            applyMask(open.part.subarray(open.filled, open.filled + taken), open.maskingKey, open.done + open.filled)
          open.filled += taken
          at += taken
        }
        if (open === undefined || open.filled < open.part.length) continue
        const frame = takePart(open)
        if (frame !== undefined) yield frame
      }
    },
  }
}

const nextPart = (bytes: number): Buffer => Buffer.allocUnsafe(Math.min(bytes, maxPartBytes))

/** What the first two bytes alone can break (RFC 6455 §5.2, §5.4, §5.5). */
function checkStart(head: Buffer, from: FrameDecoderOptions['from'], isContinued: boolean): void {
  const [first = 0, second = 0] = head
  const opcode = first & 0x0f
  const length = second & 0x7f
  const check = (holds: boolean, message: string): void => {
    if (!holds) throw new WebSocketError('ERR_WIRE_MALFORMED', 1002, message)
  }
  check((first & 0x70) === 0, 'reserved bits: expected none without an extension')
  check(Object.values<number>(opcodes).includes(opcode), 'opcode: expected one that is not reserved')
  check(((second & 0x80) !== 0) === (from === 'client'), 'mask: expected from a client, and from a client only')
  if (opcode >= opcodes.close) {
    check((first & 0x80) !== 0, 'control frame: expected to be whole')
    check(length <= maxControlBytes, `control frame: expected at most ${maxControlBytes} bytes`)
  } else
    check((opcode === opcodes.continuation) === isContinued, 'fragments: expected one message to end before the next')
}

/** Undefined while bytes are missing. A length in a longer form than it needs has two readings, and is refused (§5.2). */
function decodeHead(head: Buffer): FrameHead | undefined {
  const [first = 0, second = 0] = head
  const short = second & 0x7f
  const lengthEnd = short < 126 ? 2 : short === 126 ? 4 : 10
  const end = lengthEnd + ((second & 0x80) === 0 ? 0 : 4)
  if (head.length < end) return undefined
  const length = short < 126 ? BigInt(short) : short === 126 ? BigInt(head.readUInt16BE(2)) : head.readBigUInt64BE(2)
  if ((short === 126 && length < 126n) || (short === 127 && (length < 0x10000n || length >> 63n === 1n)))
    throw new WebSocketError('ERR_WIRE_MALFORMED', 1002, 'length: expected in its shortest form')
  return {
    opcode: first & 0x0f,
    fin: (first & 0x80) !== 0,
    length: Number(length),
    maskingKey: end === lengthEnd ? undefined : Buffer.from(head.subarray(lengthEnd, end)),
  }
}

/** A part of a text ends between two characters: what is cut waits for its rest. Undefined where nothing is left to give. */
function partOf(message: OpenMessage, bytes: Buffer, final: boolean): DataFrame | undefined {
  const whole = message.cut.length === 0 ? bytes : Buffer.concat([message.cut, bytes])
  const end = message.kind === 'text' && !final ? completeUtf8(whole) : whole.length
  const payload = whole.subarray(0, end)
  message.cut = whole.subarray(end)
  if (message.kind === 'text' && !isUtf8(payload))
    throw new WebSocketError('ERR_WIRE_MALFORMED', 1007, 'text: expected UTF-8')
  if (payload.length === 0 && !final) return undefined
  const first = !message.begun
  message.begun = true
  return { kind: message.kind, first, final, payload }
}
