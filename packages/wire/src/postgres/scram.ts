import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { WireError } from '../errors.ts'

/** Client side of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding, as PostgreSQL speaks it. */
export interface ScramClient {
  readonly first: string
  /** The answer to the server's first message. */
  respond(serverFirst: string): string
  /** Throws unless the server has proved that it knows the password as well. */
  verify(serverFinal: string): void
}

/** A server that asks for more would hang us; PostgreSQL's default is 4096. */
const maxIterations = 1_000_000

/** `nonce` is printable ASCII without commas, at least 18 random bytes in base64. PostgreSQL takes the user from start-up. */
export function createScramClient(password: string, nonce: string): ScramClient {
  const firstBare = `n=,r=${nonce}`
  let serverSignature: Buffer | undefined
  return {
    first: `n,,${firstBare}`,
    respond(serverFirst) {
      const { r, s, i } = attributes(serverFirst)
      const iterations = Number(i)
      if (r === undefined || !r.startsWith(nonce) || r.length === nonce.length) throw malformed('nonce')
      if (s === undefined || !Number.isInteger(iterations) || iterations < 1 || iterations > maxIterations)
        throw malformed('salt or iteration count')
      // Passwords of printable ASCII are their own SASLprep form; others PostgreSQL also takes as they are.
      const salted = pbkdf2Sync(password.normalize('NFKC'), Buffer.from(s, 'base64'), iterations, 32, 'sha256')
      const clientKey = hmac(salted, 'Client Key')
      const withoutProof = `c=biws,r=${r}`
      const authMessage = `${firstBare},${serverFirst},${withoutProof}`
      const signature = hmac(createHash('sha256').update(clientKey).digest(), authMessage)
      serverSignature = hmac(hmac(salted, 'Server Key'), authMessage)
      const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)))
      return `${withoutProof},p=${proof.toString('base64')}`
    },
    verify(serverFinal) {
      const given = Buffer.from(attributes(serverFinal)['v'] ?? '', 'base64')
      if (
        serverSignature === undefined ||
        given.length !== serverSignature.length ||
        !timingSafeEqual(given, serverSignature)
      )
        throw malformed('server signature')
    },
  }
}

/** The answer to AuthenticationMD5Password (docs ch. 55.2.1). */
export function md5Password(user: string, password: string, salt: Uint8Array): string {
  const md5 = (data: string | Uint8Array, more?: Uint8Array) => {
    const hash = createHash('md5').update(data)
    if (more !== undefined) hash.update(more)
    return hash.digest('hex')
  }
  return `md5${md5(md5(password + user), salt)}`
}

function attributes(message: string): Partial<Record<string, string>> {
  return Object.fromEntries(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
}

const hmac = (key: Uint8Array, data: string): Buffer => createHmac('sha256', key).update(data).digest()

const malformed = (what: string): WireError => new WireError('ERR_WIRE_MALFORMED', `scram: unexpected ${what}`)
