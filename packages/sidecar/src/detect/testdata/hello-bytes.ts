/** A ClientHello (RFC 8446 §4.1.2) that no library would send. */
export interface HelloBytes {
  readonly serverName?: string
  /** encrypted_client_hello (RFC 9849) of the outer kind. */
  readonly encrypted?: boolean
  /** legacy_version; 0x0303 unless told otherwise, with supported_versions up to TLS 1.3. */
  readonly version?: number
}

const word = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const sized = (bytes: Buffer): Buffer => Buffer.concat([word(bytes.length), bytes])
const extension = (type: number, content: Buffer): Buffer => Buffer.concat([word(type), sized(content)])

/** One record. */
export function helloBytes({ serverName, encrypted = false, version }: HelloBytes): Buffer {
  const extensions = [
    ...(serverName === undefined
      ? []
      : [extension(0, sized(Buffer.concat([Buffer.from([0]), sized(Buffer.from(serverName))])))]),
    // supported_groups, signature_algorithms
    extension(10, Buffer.from('0004001d0017', 'hex')),
    extension(13, Buffer.from('0006040308040401', 'hex')),
    ...(version === undefined ? [extension(43, Buffer.from('0403040303', 'hex'))] : []),
    // HKDF-SHA256, AES-128-GCM, config 7, an encapsulated key and a payload of the usual lengths.
    ...(encrypted
      ? [
          extension(
            0xfe0d,
            Buffer.concat([
              Buffer.from('000001000107', 'hex'),
              sized(Buffer.alloc(32, 1)),
              sized(Buffer.alloc(208, 2)),
            ]),
          ),
        ]
      : []),
  ]
  const body = Buffer.concat([
    word(version ?? 0x0303),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    sized(Buffer.from('1301c02bc02fc013002f000a', 'hex')),
    Buffer.from([1, 0]),
    sized(Buffer.concat(extensions)),
  ])
  const message = Buffer.concat([Buffer.from([1, 0]), sized(body)])
  return Buffer.concat([Buffer.from([0x16]), word(Math.min(version ?? 0x0301, 0x0301)), sized(message)])
}

/** The same handshake bytes, a byte a record (RFC 8446 §5.1). */
export function inRecordsOfOneByte(record: Buffer): Buffer {
  return Buffer.concat(
    [...record.subarray(5)].map((byte) => Buffer.from([record[0] ?? 0, record[1] ?? 0, record[2] ?? 0, 0, 1, byte])),
  )
}
