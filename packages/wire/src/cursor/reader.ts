import { isUtf8 } from 'node:buffer'
import { WireError } from '../errors.ts'

/** Reads big-endian fields of one message and cannot read past its end. */
export class Reader {
  private offset = 0
  private readonly bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.bytes.length - this.offset
  }

  get position(): number {
    return this.offset
  }

  uint8(): number {
    return this.bytes.readUInt8(this.advance(1))
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.advance(2))
  }

  int16(): number {
    return this.bytes.readInt16BE(this.advance(2))
  }

  uint24(): number {
    return this.bytes.readUIntBE(this.advance(3), 3)
  }

  int32(): number {
    return this.bytes.readInt32BE(this.advance(4))
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.advance(4))
  }

  /** A view, not a copy. */
  take(length: number): Buffer {
    const start = this.advance(length)
    return this.bytes.subarray(start, start + length)
  }

  /** A reader over the next `length` bytes only. */
  nested(length: number): Reader {
    return new Reader(this.take(length))
  }

  /**
   * A NUL-terminated string that is UTF-8. Other bytes are refused, not replaced: what is judged must be what the
   * receiver reads.
   */
  cstring(): string {
    const bytes = this.untilNul()
    if (!isUtf8(bytes)) throw new WireError('ERR_WIRE_MALFORMED', 'string: expected UTF-8')
    return bytes.toString('utf8')
  }

  /** A NUL-terminated string for people to read: bytes that are no UTF-8 become U+FFFD. */
  displayCstring(): string {
    return this.untilNul().toString('utf8')
  }

  /** Throws unless everything has been read: bytes behind the last field are read by one receiver and not by another. */
  end(message: string): void {
    if (this.remaining > 0) throw new WireError('ERR_WIRE_MALFORMED', `${message}: expected nothing after its fields`)
  }

  private untilNul(): Buffer {
    const end = this.bytes.indexOf(0, this.offset)
    if (end === -1) throw new WireError('ERR_WIRE_TRUNCATED', 'string: expected a terminating NUL')
    const start = this.offset
    this.offset = end + 1
    return this.bytes.subarray(start, end)
  }

  private advance(length: number): number {
    if (length < 0 || length > this.remaining)
      throw new WireError('ERR_WIRE_TRUNCATED', `expected ${length} more bytes, message has ${this.remaining}`)
    const start = this.offset
    this.offset += length
    return start
  }
}
