import { crc32 } from 'node:zlib'

/** Frame: u32 length of the payload, u32 CRC-32 of the payload (ISO 3309, as in gzip), payload; big-endian. */
export const headerBytes = 8

export function encodeFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(headerBytes + length)
  frame.write(text, headerBytes)
  frame.writeUInt32BE(length, 0)
  frame.writeUInt32BE(crc32(text), 4)
  return frame
}

/** The whole frames at the start of `bytes`, and how many bytes they take; what follows is cut off or damaged. */
export function decodeFrames(bytes: Buffer): { readonly payloads: Buffer[]; readonly validBytes: number } {
  const payloads: Buffer[] = []
  let offset = 0
  for (;;) {
    const end = offset + frameBytes(bytes.subarray(offset))
    if (end > bytes.length) break
    const payload = bytes.subarray(offset + headerBytes, end)
    if (crc32(payload) !== bytes.readUInt32BE(offset + 4)) break
    payloads.push(payload)
    offset = end
  }
  return { payloads, validBytes: offset }
}

/** Bytes of the frame that begins here, by its header; those of a header where there is no whole one. */
export function frameBytes(bytes: Buffer): number {
  return headerBytes + (bytes.length < headerBytes ? 0 : bytes.readUInt32BE(0))
}

/** Segments are named after their first record, so that the directory sorts in order. */
export function segmentName(firstSeq: number): string {
  return `${String(firstSeq).padStart(16, '0')}.wal`
}

export function segmentFirstSeq(name: string): number | undefined {
  return /^\d{16}\.wal$/.test(name) ? Number.parseInt(name, 10) : undefined
}
