/** Builds a message of big-endian fields. */
export class Writer {
  private readonly parts: Buffer[] = []

  uint8(value: number): this {
    return this.number(1, value)
  }

  uint16(value: number): this {
    return this.number(2, value)
  }

  uint32(value: number): this {
    return this.number(4, value)
  }

  int32(value: number): this {
    const part = Buffer.allocUnsafe(4)
    part.writeInt32BE(value)
    this.parts.push(part)
    return this
  }

  bytes(value: Uint8Array): this {
    this.parts.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
    return this
  }

  cstring(value: string): this {
    this.parts.push(Buffer.from(value.replaceAll('\0', ''), 'utf8'), Buffer.of(0))
    return this
  }

  finish(): Buffer {
    return Buffer.concat(this.parts)
  }

  private number(width: number, value: number): this {
    const part = Buffer.allocUnsafe(width)
    part.writeUIntBE(value, 0, width)
    this.parts.push(part)
    return this
  }
}
