import { encodeCloseBody } from './close.ts'

/** What travels between two peers (RFC 6455 §5), unmasked, whatever side it comes from. */
export type Frame = DataFrame | ControlFrame | CloseFrame

/** A message, or a part of one (§5.4). */
export interface DataFrame {
  readonly kind: 'text' | 'binary'
  /** Whether it begins its message, and whether it ends it. */
  readonly first: boolean
  readonly final: boolean
  readonly payload: Buffer
}

export interface ControlFrame {
  readonly kind: 'ping' | 'pong'
  readonly payload: Buffer
}

/** `code` is absent where the peer gave none. */
export interface CloseFrame {
  readonly kind: 'close'
  readonly code?: number
  readonly reason: string
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

const finBit = 0x80
const maskBit = 0x80

/** One frame, its length in the shortest form. A client's has a fresh `maskingKey` of four bytes that cannot be guessed (§5.3). */
export function encodeFrame(frame: Frame, maskingKey?: Uint8Array): Buffer {
  const payload = frame.kind === 'close' ? encodeCloseBody(frame) : frame.payload
  const isPart = frame.kind === 'text' || frame.kind === 'binary'
  const opcode = isPart && !frame.first ? opcodes.continuation : opcodes[frame.kind]
  const fin = !isPart || frame.final ? finBit : 0
  const mask = maskingKey === undefined ? 0 : maskBit
  const head =
    payload.length < 126
      ? Buffer.of(fin | opcode, mask | payload.length)
      : payload.length < 0x10000
        ? Buffer.of(fin | opcode, mask | 126, payload.length >> 8, payload.length & 0xff)
        : longHead(fin | opcode, mask | 127, payload.length)
  if (maskingKey === undefined) return Buffer.concat([head, payload])
  const bytes = Buffer.concat([head, maskingKey, payload])
  applyMask(bytes.subarray(head.length + maskingKey.length), maskingKey, 0)
  return bytes
}

function longHead(first: number, second: number, length: number): Buffer {
  const head = Buffer.alloc(10)
  head[0] = first
  head[1] = second
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}

/** Masks or unmasks in place (§5.3); `offset` is where `bytes` lie in the payload of their frame. */
export function applyMask(bytes: Buffer, maskingKey: Uint8Array, offset: number): void {
  for (let index = 0; index < bytes.length; index++)
    bytes[index] = (bytes[index] ?? 0) ^ (maskingKey[(offset + index) & 3] ?? 0)
}
