import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { errorText, type Action } from '@chaperone/core'
import type { Driver } from '../drivers.ts'
import { agreedTerms } from '../engine/agreed-terms.ts'
import type { ClientConnection, Engine, Refusal } from '../engine/engine.ts'
import { UpstreamError } from '../errors.ts'

/** Silence in both directions after which a connection is ended: agents poll for minutes, and forget connections for hours. */
const idleMs = 30 * 60_000

/**
 * TLS that passes unread, because a rule says so: the ClientHello, which was read and named the host, and all that follows go
 * as they came to where that name leads by our own resolution.
 */
export function createPassthroughDriver(engine: Engine): Driver {
  /** Each with what stands against it under the policy in force. */
  const open = new Map<AbortController, () => Refusal | undefined>()
  const stopListening = engine.policy.subscribe(() => {
    for (const [gone, objection] of open) if (objection() !== undefined) gone.abort()
  })

  const serve = async (connection: ClientConnection, gone: AbortController): Promise<void> => {
    const { id, socket, target } = connection
    const action: Action = { protocol: 'TLS', target }
    open.set(gone, () => undefined)
    try {
      const authorization = await engine.authorize({ connectionId: id, action }, gone.signal)
      if (authorization.kind === 'refuse') return
      // A policy that came while the verdict was recorded found nothing to cut.
      const objection = agreedTerms(engine.policy, action, authorization)
      if (objection() !== undefined) return
      open.set(gone, objection)
      const { cidrs } = authorization.effects
      const upstream = await engine.upstream.connect(target, {
        ...(cidrs === undefined ? {} : { cidrs }),
        signal: gone.signal,
      })
      await relay(socket, upstream, gone)
    } catch (error) {
      if (error instanceof UpstreamError) await recordUnreached(connection, error)
    } finally {
      open.delete(gone)
      socket.resetAndDestroy()
    }
  }

  const recordUnreached = ({ id, target }: ClientConnection, { reason, message }: UpstreamError): Promise<unknown> =>
    engine.recorder.append('connection.blocked', {
      'chaperone.connection.id': id,
      'server.address': target.host,
      'server.port': target.port,
      'chaperone.reason': reason,
      'chaperone.message': message,
    })

  return {
    serve(connection) {
      const gone = new AbortController()
      connection.socket.once('close', () => gone.abort())
      serve(connection, gone).catch((error: unknown) =>
        engine.log.warn({ connection: connection.id, error: errorText(error) }, 'passthrough failed'),
      )
    },
    async close(graceMs) {
      stopListening()
      const deadline = engine.clock.elapsedMs() + graceMs
      while (open.size > 0 && engine.clock.elapsedMs() < deadline) await engine.clock.sleep(50)
      for (const gone of open.keys()) gone.abort()
    },
  }
}

/** Each direction ends by itself: half-close is a feature of TCP that TLS clients use. */
async function relay(client: Socket, upstream: Socket, gone: AbortController): Promise<void> {
  const { signal } = gone
  for (const socket of [client, upstream]) socket.setTimeout(idleMs, () => gone.abort())
  try {
    await Promise.all([pipeline(client, upstream, { signal }), pipeline(upstream, client, { signal })])
  } finally {
    upstream.destroy()
  }
}
