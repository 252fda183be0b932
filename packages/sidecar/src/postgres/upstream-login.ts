import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Target } from '@chaperone/core'
import { postgres, WireError } from '@chaperone/wire'
import { readPrefix } from '../detect/read-prefix.ts'
import type { Engine } from '../engine/engine.ts'
import { UpstreamError } from '../errors.ts'
import { channelBindingOf } from './channel-binding.ts'
import { createFrameReader, type FrameReader } from './frames.ts'
import { unfitSetting } from './startup-parameters.ts'

/** Where a server is, and the ranges that its address must lie in. */
export interface Destination {
  readonly target: Target
  readonly cidrs: readonly string[] | undefined
}

export interface Login extends Destination {
  readonly parameters: ReadonlyMap<string, string>
  /** Asked only when the server wants a password. */
  readonly password: () => Promise<string>
}

/** An upstream connection that is ready for queries. */
export interface UpstreamSession {
  readonly stream: Socket
  readonly reader: FrameReader
  /** ParameterStatus messages of the login, for the agent. */
  readonly greeting: readonly Buffer[]
  readonly key: CancelKey | undefined
}

export interface CancelKey {
  readonly processId: number
  readonly secretKey: Buffer
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
 * Connects and logs in. Without TLS only SCRAM is spoken, which does not reveal the password and proves that the server
 * knows it. `signal` ends what takes too long.
 */
export async function loginUpstream(
  upstream: Engine['upstream'],
  login: Login,
  signal: AbortSignal,
): Promise<UpstreamSession> {
  const stream = await openUpstream(upstream, login, signal)
  try {
    return await untilAborted(signal, logIn(stream, login))
  } catch (error) {
    stream.destroy()
    if (!(error instanceof WireError)) throw error
    throw new UpstreamError('UpstreamUnreachable', `the server does not keep to the protocol: ${error.message}`)
  }
}

/** Connects by our own resolution, and takes TLS whenever the server offers it: verified, never given up on. */
export async function openUpstream(
  upstream: Engine['upstream'],
  { target, cidrs }: Destination,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await upstream.connect(target, { ...(cidrs === undefined ? {} : { cidrs }), signal })
  socket.on('error', () => socket.destroy())
  try {
    socket.write(postgres.encodeSslRequest())
    const answer = await untilAborted(signal, readSslAnswer(socket))
    if (answer === 'N') return socket
    const secured = await upstream.secure(socket, { servername: target.host, signal })
    secured.on('error', () => secured.destroy())
    return secured
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function readSslAnswer(socket: Socket): Promise<'S' | 'N'> {
  // Whoever awaits this sets the time.
  const timeoutMs = 0x7fffffff
  const prefix = await readPrefix(socket, { maxBytes: 1, timeoutMs, decide: (bytes) => bytes.toString('latin1') })
  if (prefix.kind !== 'decided') throw new UpstreamError('UpstreamUnreachable', 'the server closed the connection')
  const [answer, ...more] = prefix.value
  // Bytes behind the answer would be read as if TLS had protected them (CVE-2021-23222).
  if (more.length > 0) throw new UpstreamError('UpstreamUntrusted', 'the server sent data before TLS')
  if (answer === 'S' || answer === 'N') return answer
  throw new UpstreamError('UpstreamUnreachable', 'the server does not speak PostgreSQL')
}

async function logIn(stream: Socket, login: Login): Promise<UpstreamSession> {
  stream.write(postgres.encodeStartup(login.parameters))
  const reader = createFrameReader(stream)
  await authenticate(stream, reader, login)
  return { stream, reader, ...(await readGreeting(reader)) }
}

async function authenticate(stream: Socket, reader: FrameReader, { parameters, password }: Login): Promise<void> {
  const encrypted = stream instanceof TLSSocket
  let scram: postgres.ScramClient | undefined
  for (;;) {
    const frame = await nextOfLogin(reader)
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
        scram = await beginScram(stream, postgres.decodeMechanisms(data), password)
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
        const user = parameters.get('user') ?? ''
        const answer = kind === postgres.authentication.md5 ? postgres.md5Password(user, secret, data) : secret
        stream.write(postgres.encodePassword(answer))
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

/** SCRAM-SHA-256-PLUS where the server offers it over TLS: nobody who ends TLS in between can pass it on. */
async function beginScram(
  stream: Socket,
  offered: readonly string[],
  password: Login['password'],
): Promise<postgres.ScramClient> {
  const possible = channelBindingOf(stream)
  const binds = possible !== undefined && offered.includes('SCRAM-SHA-256-PLUS')
  if (!binds && !offered.includes('SCRAM-SHA-256'))
    throw new UpstreamError('UpstreamUnreachable', 'the server offers no SCRAM-SHA-256')
  const binding = binds ? possible : possible === undefined ? 'unsupported' : 'unused'
  const nonce = randomBytes(18).toString('base64')
  const scram = postgres.createScramClient({ password: await password(), nonce, binding })
  stream.write(postgres.encodeSaslInitial(binds ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256', scram.first))
  return scram
}

async function readGreeting(reader: FrameReader): Promise<Pick<UpstreamSession, 'greeting' | 'key'>> {
  const greeting: Buffer[] = []
  let key: UpstreamSession['key']
  for (;;) {
    const frame = await nextOfLogin(reader)
    if (frame.type === 'S') {
      const unfit = unfitSetting(postgres.decodeParameterStatus(frame))
      if (unfit !== undefined) throw new UpstreamError('UpstreamUntrusted', unfit)
      greeting.push(frame.bytes)
    }
    if (frame.type === 'K') key = postgres.decodeBackendKey(frame)
    if (frame.type === 'Z') return { greeting, key }
  }
}

async function nextOfLogin(reader: FrameReader): Promise<postgres.Frame> {
  const frame = await reader.next()
  if (frame === undefined)
    throw new UpstreamError('UpstreamUnreachable', 'the server closed the connection during login')
  if (frame.type === 'E') throw new LoginRefused(frame.bytes)
  return frame
}

/** As `work`, or a rejection as soon as `signal` aborts. */
function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new UpstreamError('UpstreamUnreachable', 'the login was not complete in time'))
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
  })
}
