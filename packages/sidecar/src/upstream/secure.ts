import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls'
import { UpstreamError } from '../errors.ts'

export interface SecureOptions {
  readonly servername: string
  readonly alpnProtocols?: readonly string[]
  readonly signal: AbortSignal
}

const handshakeTimeoutMs = 10_000
/** The policy's bundle, and the one for the Kubernetes API, each before and after a change. */
const maxContexts = 4

export type Secure = (socket: Duplex, options: SecureOptions) => Promise<TLSSocket>

/**
 * TLS verified for `servername` against the public roots and the policy's bundle. There is no way to turn verification
 * off. Rejects with UpstreamError: `UpstreamUntrusted` for the certificate, `UpstreamUnreachable` for anything else.
 */
export function createSecure(caBundle: (servername: string) => string): Secure {
  const contexts = new Map<string, SecureContext>()
  const contextFor = (servername: string): SecureContext => {
    const bundle = caBundle(servername)
    const context = contexts.get(bundle) ?? contextWith(bundle)
    if (contexts.size >= maxContexts) contexts.clear()
    contexts.set(bundle, context)
    return context
  }
  return (socket, options) =>
    new Promise((resolve, reject) => {
      const { servername, alpnProtocols, signal } = options
      const secured = connect({
        socket,
        secureContext: contextFor(servername),
        // An address is never sent as SNI (RFC 6066 §3) but is what the certificate must name.
        ...(isIP(servername) === 0 ? { servername } : { servername: '', host: servername }),
        ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
      })
      const finish = (error?: UpstreamError): void => {
        clearTimeout(timeout)
        signal.removeEventListener('abort', onAbort)
        secured.removeListener('error', onError)
        secured.removeListener('close', onClose)
        if (error === undefined) return resolve(secured)
        secured.on('error', () => undefined)
        secured.destroy()
        reject(error)
      }
      const onError = (error: Error): void =>
        finish(untrusted(secured) ?? unreachable(`TLS handshake failed: ${tlsCode(error)}`, error))
      const onClose = (): void => finish(unreachable('the upstream closed during the TLS handshake'))
      const onAbort = (): void => finish(unreachable('the client went away'))
      const timeout = setTimeout(() => finish(unreachable('the TLS handshake timed out')), handshakeTimeoutMs)
      secured.on('error', onError)
      secured.on('close', onClose)
      signal.addEventListener('abort', onAbort, { once: true })
      secured.once('secureConnect', () => finish())
      if (signal.aborted) onAbort()
    })
}

/** Without a bundle the library's own store of public roots is shared, not parsed anew. */
function contextWith(bundle: string): SecureContext {
  return bundle.trim() === ''
    ? createSecureContext({ minVersion: 'TLSv1.2' })
    : createSecureContext({ minVersion: 'TLSv1.2', ca: [...rootCertificates, bundle] })
}

/** Set by the library when verification, and nothing else, has failed. */
function untrusted(socket: TLSSocket): UpstreamError | undefined {
  const { authorizationError } = socket as { readonly authorizationError?: unknown }
  if (authorizationError === undefined || authorizationError === null) return undefined
  const code = typeof authorizationError === 'string' ? authorizationError : 'unverified'
  return new UpstreamError('UpstreamUntrusted', `the certificate of the upstream is not trusted: ${code}`)
}

function unreachable(message: string, cause?: Error): UpstreamError {
  return new UpstreamError('UpstreamUnreachable', message, cause === undefined ? {} : { cause })
}

/** The code alone: messages of the library quote the peer. */
function tlsCode(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}
