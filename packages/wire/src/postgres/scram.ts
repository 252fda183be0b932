import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { WireError } from '../errors.ts'
import { saslPrep } from './sasl-prep.ts'

/** Client side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), as PostgreSQL speaks them. */
export interface ScramClient {
  readonly first: string
  /** The answer to the server's first message. */
  respond(serverFirst: string): string
  /** Throws unless the server has proved that it knows the password as well. */
  verify(serverFinal: string): void
  /** Whether `verify` has passed. Until it has, an AuthenticationOk may come from anybody. */
  readonly verified: boolean
}

/**
 * What the exchange is bound to. Bytes: the hash of the server's certificate (`tls-server-end-point`, RFC 5929 §4), which
 * makes it SCRAM-SHA-256-PLUS. `unused`: we could, and the server did not offer it; it refuses when it did, for then
 * somebody between has taken the offer away (RFC 5802 §6). `unsupported`: there is nothing to bind to.
 */
export type ChannelBinding = Uint8Array | 'unused' | 'unsupported'

export interface ScramOptions {
  readonly password: string
  /** Printable ASCII without commas; at least 18 random bytes in base64. */
  readonly nonce: string
  readonly binding: ChannelBinding
  /** PostgreSQL takes the user from start-up and is sent none here. */
  readonly user?: string
}

/** A server that asks for more would hang us; PostgreSQL's default is 4096. */
const maxIterations = 1_000_000

const base64 = '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?'
/** RFC 5802 §7, in this order; a mandatory extension `m=` that comes first is not understood and therefore refused. */
const serverFirstMessage = new RegExp(
  `^r=(?<nonce>[!-+\\--~]+),s=(?<salt>${base64}),i=(?<count>[1-9][0-9]{0,9})(?:,.*)?$`,
)
const serverFinalMessage = new RegExp(`^v=(?<signature>${base64})(?:,.*)?$`)

export function createScramClient({ password, nonce, binding, user = '' }: ScramOptions): ScramClient {
  const header = gs2Header(binding)
  const boundTo = Buffer.concat([Buffer.from(header), typeof binding === 'string' ? Buffer.alloc(0) : binding])
  const firstBare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  let serverSignature: Buffer | undefined
  let verified = false
  return {
    first: `${header}${firstBare}`,
    respond(serverFirst) {
      const fields = serverFirstMessage.exec(serverFirst)?.groups
      if (serverSignature !== undefined || fields === undefined) throw malformed('first message of the server')
      const { nonce: both = '', salt = '', count = '' } = fields
      if (!both.startsWith(nonce) || both.length === nonce.length) throw malformed('nonce')
      if (Number(count) > maxIterations) throw malformed('iteration count')
      const salted = pbkdf2Sync(saslPrep(password), Buffer.from(salt, 'base64'), Number(count), 32, 'sha256')
      const clientKey = hmac(salted, 'Client Key')
      const withoutProof = `c=${boundTo.toString('base64')},r=${both}`
      const authMessage = `${firstBare},${serverFirst},${withoutProof}`
      const signature = hmac(createHash('sha256').update(clientKey).digest(), authMessage)
      serverSignature = hmac(hmac(salted, 'Server Key'), authMessage)
      const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)))
      return `${withoutProof},p=${proof.toString('base64')}`
    },
    verify(serverFinal) {
      const given = Buffer.from(serverFinalMessage.exec(serverFinal)?.groups?.['signature'] ?? '', 'base64')
      if (
        serverSignature === undefined ||
        given.length !== serverSignature.length ||
        !timingSafeEqual(given, serverSignature)
      )
        throw malformed('server signature')
      verified = true
    },
    get verified() {
      return verified
    },
  }
}

function gs2Header(binding: ChannelBinding): string {
  if (typeof binding !== 'string') return 'p=tls-server-end-point,,'
  return binding === 'unused' ? 'y,,' : 'n,,'
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

const hmac = (key: Uint8Array, data: string): Buffer => createHmac('sha256', key).update(data).digest()

const malformed = (what: string): WireError => new WireError('ERR_WIRE_MALFORMED', `scram: unexpected ${what}`)
