import { once } from 'node:events'
import { connect } from 'node:net'

/** Frames of HTTP/2 (RFC 9113 §4) that no library would write. */
export type Field = readonly [name: string, value: string]

const frameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  goAway: 7,
  continuation: 9,
} as const
const endStream = 0x1
const endHeaders = 0x4
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export function frame(
  type: keyof typeof frameType,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(frameType[type], 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Header fields on stream 1, byte for byte; `body` follows in one frame. */
export function request(fields: readonly Field[], body?: string, trailers?: readonly Field[]): Buffer {
  const last = (isLast: boolean): number => (isLast ? endStream : 0)
  return Buffer.concat([
    frame('headers', endHeaders | last(body === undefined), 1, fieldBlock(fields)),
    ...(body === undefined ? [] : [frame('data', last(trailers === undefined), 1, Buffer.from(body))]),
    ...(trailers === undefined ? [] : [frame('headers', endHeaders | endStream, 1, fieldBlock(trailers))]),
  ])
}

/** Literal fields without indexing or Huffman coding (RFC 7541 §6.2.2). */
export function fieldBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap((field) => [Buffer.from([0]), ...field.map(literal)]))
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  // An integer with a prefix of seven bits (RFC 7541 §5.1).
  const rest = bytes.length - 127
  const length = rest < 0 ? [bytes.length] : rest < 128 ? [127, rest] : [127, (rest & 127) | 128, rest >> 7]
  return Buffer.concat([Buffer.from(length), bytes])
}

/** Says all of it after the preface. `ok` for an answer of 200, `refused` for any other answer, reset or end. */
export async function exchange(port: number, frames: Buffer): Promise<'ok' | 'refused'> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(Buffer.concat([preface, frame('settings', 0, 0), frames]))
  let bytes: Buffer = Buffer.alloc(0)
  return new Promise((resolve) => {
    const finish = (how: 'ok' | 'refused'): void => {
      socket.destroy()
      resolve(how)
    }
    socket.on('close', () => resolve('refused'))
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const [type, first] = [bytes[3], bytes[9]]
        bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3))
        // 0x88 is `:status: 200` (RFC 7541, appendix A).
        if (type === frameType.headers) return finish(first === 0x88 ? 'ok' : 'refused')
        if (type === frameType.resetStream || type === frameType.goAway) return finish('refused')
      }
    })
  })
}
