import type { Duplex } from 'node:stream'
import { randomBytes } from 'node:crypto'
import { TLSSocket } from 'node:tls'
import type { Target } from '@chaperone/core'
import { postgres, WireError } from '@chaperone/wire'
import type { Engine } from '../engine/engine.ts'
import { UpstreamError } from '../errors.ts'
import { createFrameReader, type FrameReader } from './frames.ts'

export interface Login {
  readonly target: Target
  readonly cidrs: readonly string[] | undefined
  readonly parameters: ReadonlyMap<string, string>
  /** Asked only when the server wants a password. */
  readonly password: () => Promise<string>
}

/** An upstream connection that is ready for queries. */
export interface UpstreamSession {
  readonly stream: Duplex
  readonly reader: FrameReader
  /** ParameterStatus messages of the login, for the agent. */
  readonly greeting: readonly Buffer[]
  readonly key: { readonly processId: number; readonly secretKey: Buffer } | undefined
}

/** The server said no, with its own message. */
export class LoginRefused extends Error {
  readonly response: Buffer
  constructor(response: Buffer) {
    super('the server refused the login')
    this.response = response
  }
}

/**
 * Connects by our own resolution, takes TLS whenever the server offers it (verified, never given up on), and logs in.
 * Without TLS only SCRAM is spoken, which does not reveal the password.
 */
export async function loginUpstream(
  { upstream }: Pick<Engine, 'upstream'>,
  login: Login,
  signal: AbortSignal,
): Promise<UpstreamSession> {
  const stream = await connect(upstream, login, signal)
  stream.on('error', () => stream.destroy())
  try {
    stream.write(postgres.encodeStartup(login.parameters))
    const reader = createFrameReader(stream)
    await authenticate(stream, reader, login)
    return { stream, reader, ...(await readGreeting(reader)) }
  } catch (error) {
    stream.destroy()
    throw error
  }
}

async function connect(upstream: Engine['upstream'], { target, cidrs }: Login, signal: AbortSignal): Promise<Duplex> {
  const socket = await upstream.connect(target, { ...(cidrs === undefined ? {} : { cidrs }), signal })
  socket.write(postgres.encodeSslRequest())
  const answer = await new Promise<Buffer>((resolve, reject) => {
    socket.once('readable', () => {
      const bytes = socket.read(1) as Buffer | null
      if (bytes === null) reject(new UpstreamError('UpstreamUnreachable', 'the server closed the connection'))
      else resolve(bytes)
    })
    socket.once('error', () => reject(new UpstreamError('UpstreamUnreachable', 'the server closed the connection')))
  })
  // Bytes behind the answer would be read as if TLS had protected them (CVE-2021-23222).
  if (socket.readableLength > 0) throw new UpstreamError('UpstreamUntrusted', 'the server sent data before TLS')
  if (answer.toString() === 'S') return upstream.secure(socket, { servername: target.host, signal })
  if (answer.toString() === 'N') return socket
  throw new UpstreamError('UpstreamUnreachable', 'the server does not speak PostgreSQL')
}

async function authenticate(stream: Duplex, reader: FrameReader, { parameters, password }: Login): Promise<void> {
  const encrypted = stream instanceof TLSSocket
  let scram: postgres.ScramClient | undefined
  for (;;) {
    const frame = await reader.next()
    if (frame === undefined)
      throw new UpstreamError('UpstreamUnreachable', 'the server closed the connection during login')
    if (frame.type === 'E') throw new LoginRefused(frame.bytes)
    if (frame.type === 'v') continue
    if (frame.type !== 'R') throw new WireError('ERR_WIRE_MALFORMED', 'login: expected an authentication message')
    const { kind, data } = postgres.decodeAuthentication(frame)
    switch (kind) {
      case postgres.authentication.ok:
        // Who accepts without having proved to know the password is somebody else, unless TLS has said who it is.
        if (scram === undefined ? !encrypted : !scram.verified)
          throw new UpstreamError('UpstreamUntrusted', 'the server did not prove who it is')
        return
      case postgres.authentication.sasl:
        if (!postgres.decodeMechanisms(data).includes('SCRAM-SHA-256'))
          throw new UpstreamError('UpstreamUnreachable', 'the server offers no SCRAM-SHA-256')
        scram = postgres.createScramClient(await password(), randomBytes(18).toString('base64'))
        stream.write(postgres.encodeSaslInitial('SCRAM-SHA-256', scram.first))
        break
      case postgres.authentication.saslContinue:
        if (scram === undefined) throw new WireError('ERR_WIRE_MALFORMED', 'login: SASL continues before it began')
        stream.write(postgres.encodeSaslResponse(scram.respond(data.toString())))
        break
      case postgres.authentication.saslFinal:
        scram?.verify(data.toString())
        break
      case postgres.authentication.cleartext:
      case postgres.authentication.md5: {
        if (!encrypted) throw new UpstreamError('UpstreamUntrusted', 'the server asks for a password without TLS')
        const secret = await password()
        stream.write(
          postgres.encodePassword(
            kind === postgres.authentication.md5
              ? postgres.md5Password(parameters.get('user') ?? '', secret, data)
              : secret,
          ),
        )
        break
      }
      default:
        throw new UpstreamError(
          'UpstreamUnreachable',
          'the server asks for a kind of authentication that is not supported',
        )
    }
  }
}

async function readGreeting(reader: FrameReader): Promise<Pick<UpstreamSession, 'greeting' | 'key'>> {
  const greeting: Buffer[] = []
  let key: UpstreamSession['key']
  for (;;) {
    const frame = await reader.next()
    if (frame === undefined)
      throw new UpstreamError('UpstreamUnreachable', 'the server closed the connection during login')
    if (frame.type === 'E') throw new LoginRefused(frame.bytes)
    if (frame.type === 'S') greeting.push(frame.bytes)
    if (frame.type === 'K') key = postgres.decodeBackendKey(frame)
    if (frame.type === 'Z') return { greeting, key }
  }
}
