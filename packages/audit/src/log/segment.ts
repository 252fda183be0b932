import { crc32 } from 'node:zlib'

/** Frame: u32 length of the payload, u32 CRC-32 of the payload (ISO 3309, as in gzip), payload; big-endian. */
const headerBytes = 8

export function encodeFrame(payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length)
  frame.writeUInt32BE(payload.length, 0)
  frame.writeUInt32BE(crc32(payload), 4)
  payload.copy(frame, headerBytes)
  return frame
}

/** The whole frames at the start of `bytes`, and how many bytes they take; what follows was cut by a crash. */
export function decodeFrames(bytes: Buffer): { readonly payloads: Buffer[]; readonly validBytes: number } {
  const payloads: Buffer[] = []
  let offset = 0
  while (bytes.length - offset >= headerBytes) {
    const end = offset + headerBytes + bytes.readUInt32BE(offset)
    if (end > bytes.length) break
    const payload = bytes.subarray(offset + headerBytes, end)
    if (crc32(payload) !== bytes.readUInt32BE(offset + 4)) break
    payloads.push(payload)
    offset = end
  }
  return { payloads, validBytes: offset }
}

/** Segments are named after their first record, so that the directory sorts in order. */
export function segmentName(firstSeq: number): string {
  return `${String(firstSeq).padStart(16, '0')}.wal`
}

export function segmentFirstSeq(name: string): number | undefined {
  return /^\d{16}\.wal$/.test(name) ? Number.parseInt(name, 10) : undefined
}
