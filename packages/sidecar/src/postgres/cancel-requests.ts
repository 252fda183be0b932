import { postgres } from '@chaperone/wire'
import type { Engine } from '../engine/engine.ts'
import { permitLogin } from './login-permit.ts'
import { openUpstream, type CancelKey, type Destination } from './upstream-login.ts'

/** A session that may be cancelled. */
export interface Cancellable extends Destination {
  readonly key: CancelKey
  /** Ends a hold for approval; false when the statement, if any, is at the server. */
  cancelHeld(): boolean
}

/**
 * Cancel requests come on connections of their own (docs ch. 55.2.8). Only sessions that are served here can be cancelled,
 * and their own server is told: a key that names none of them does nothing. There are as many as connections.
 */
export interface CancelRequests {
  /** Returns the way to forget the session. */
  add(session: Cancellable): () => void
  /** Rejects with the reason where its server must not be dialled any more. */
  perform(request: CancelKey, signal: AbortSignal): Promise<void>
}

export function createCancelRequests(engine: Pick<Engine, 'policy' | 'upstream'>): CancelRequests {
  const sessions = new Map<string, Cancellable>()
  return {
    add(session) {
      const name = nameOf(session.key)
      sessions.set(name, session)
      return () => {
        if (sessions.get(name) === session) sessions.delete(name)
      }
    },
    async perform(request, signal) {
      const session = sessions.get(nameOf(request))
      if (session === undefined || session.cancelHeld()) return
      permitLogin(engine, session.target)
      const socket = await openUpstream(engine.upstream, session, signal)
      socket.end(postgres.encodeCancelRequest(session.key.processId, session.key.secretKey))
      // The server says nothing, and closes when it has taken the request.
      socket.resume().once('end', () => socket.destroy())
      signal.addEventListener('abort', () => socket.destroy(), { once: true })
    },
  }
}

const nameOf = ({ processId, secretKey }: CancelKey): string => `${processId}:${secretKey.toString('hex')}`
