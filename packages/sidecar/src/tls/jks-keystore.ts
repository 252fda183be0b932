import { createHash } from 'node:crypto'

/** One certificate that Java shall trust. */
export interface TrustedCertificate {
  readonly alias: string
  readonly der: Uint8Array
}

const magic = 0xfeedfeed
const version = 2
const trustedCertificateTag = 2
/** Appended to the password before everything else is hashed (sun.security.provider.JavaKeyStore). */
const whitener = 'Mighty Aphrodite'

/** Encodes a Java key store, format JKS, that holds certificates only. Its password protects nothing but integrity. */
export function encodeJks(certificates: readonly TrustedCertificate[], password: string, createdMs: number): Buffer {
  const parts: Buffer[] = [uint32(magic), uint32(version), uint32(certificates.length)]
  for (const { alias, der } of certificates) {
    parts.push(
      uint32(trustedCertificateTag),
      javaString(alias),
      uint64(createdMs),
      javaString('X.509'),
      uint32(der.length),
      Buffer.from(der),
    )
  }
  const body = Buffer.concat(parts)
  const seal = createHash('sha1')
    .update(Buffer.from(password, 'utf16le').swap16())
    .update(whitener)
    .update(body)
    .digest()
  return Buffer.concat([body, seal])
}

/** `DataOutput.writeUTF`; ASCII is the same in Java's modified UTF-8. */
function javaString(ascii: string): Buffer {
  const bytes = Buffer.from(ascii, 'latin1')
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
