import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { Pool } from 'undici'
import type { Target } from '@chaperone/core'
import type { UpstreamDialer } from '../engine/engine.ts'
import { maxPools, maxUpstreamConnections, upstreamHeadTimeoutMs, upstreamIdleTimeoutMs } from './limits.ts'

export interface PoolKey {
  readonly target: Target
  readonly scheme: 'http' | 'https'
  readonly cidrs: readonly string[] | undefined
  /** Speak HTTP/2 where the upstream offers it; only for clients that do. */
  readonly http2: boolean
}

export interface UpstreamPools {
  get(key: PoolKey): Pool
  /** Lets what is under way finish and dials anew from now on: the policy has changed. */
  retire(): void
  close(): Promise<void>
}

/** Keep-alive connections by destination. Every connection is dialled and verified by `dialer`, never by undici. */
export function createUpstreamPools(dialer: UpstreamDialer): UpstreamPools {
  const pools = new Map<string, Pool>()
  const retire = () => {
    const closing = [...pools.values()].map((pool) => pool.close())
    pools.clear()
    return Promise.allSettled(closing)
  }
  return {
    get(key) {
      const { target, scheme, cidrs = [], http2 } = key
      const id = JSON.stringify([scheme, target.host, target.port, http2, ...cidrs])
      const known = pools.get(id)
      pools.delete(id)
      const pool = known ?? createPool(dialer, key)
      pools.set(id, pool)
      if (pools.size > maxPools) {
        const [oldest = ''] = pools.keys()
        void pools.get(oldest)?.close()
        pools.delete(oldest)
      }
      return pool
    },
    retire: () => void retire(),
    async close() {
      await retire()
    },
  }
}

function createPool(dialer: UpstreamDialer, { target, scheme, cidrs, http2 }: PoolKey): Pool {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  return new Pool(`${scheme}://${host}:${target.port}`, {
    connections: maxUpstreamConnections,
    pipelining: 1,
    allowH2: http2,
    headersTimeout: upstreamHeadTimeoutMs,
    bodyTimeout: upstreamIdleTimeoutMs,
    connect: (_options, callback) => {
      const wanted = new AbortController()
      dial(wanted.signal).then(
        (socket) => callback(null, socket),
        (error: unknown) => callback(error as Error, null),
      )
      // undici destroys what it is given here when no request waits for the connection any more.
      return new PassThrough({
        destroy(error, done) {
          wanted.abort()
          done(error)
        },
      })
    },
  })

  async function dial(signal: AbortSignal): Promise<Socket> {
    const socket = await dialer.connect(target, { ...(cidrs === undefined ? {} : { cidrs }), signal })
    if (scheme === 'http') return socket
    return dialer.secure(socket, {
      servername: target.host,
      alpnProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      signal,
    })
  }
}
