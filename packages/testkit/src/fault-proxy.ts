import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP relay on loopback that a test can break in the ways that networks do. */
export interface FaultProxy {
  readonly port: number
  /** Open relayed connections. */
  readonly connections: number
  /** Connections accepted since the start. */
  readonly accepted: number
  /** Resets every open connection (RST). New ones are relayed. */
  cut(): void
  /** Stops forwarding in both directions without closing anything: the peers see a half-open connection. New connections hang too. */
  stall(): void
  /** New connections are reset at once. Open ones live on. */
  refuse(): void
  /** Forwards on connections made from now on; stalled ones stay silent for ever. */
  resume(): void
  /** Resolves when a connection is accepted after this call. */
  nextConnection(): Promise<void>
  close(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly upstream: Socket
}

/** Starts a relay from a free loopback port to `host:port`. */
export async function startFaultProxy(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
  const pairs = new Set<Pair>()
  let waiting: (() => void)[] = []
  let mode: 'forward' | 'stall' | 'refuse' = 'forward'
  let accepted = 0

  const server = createServer({ allowHalfOpen: true }, (client) => {
    accepted += 1
    if (mode === 'refuse') {
      client.resetAndDestroy()
      return
    }
    const upstream = connect({ ...target, allowHalfOpen: true })
    const pair = { client, upstream }
    pairs.add(pair)
    const end = (): void => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      socket.on('error', end)
      socket.on('close', end)
    }
    if (mode === 'stall') silence(pair)
    else {
      client.pipe(upstream)
      upstream.pipe(client)
    }
    const tell = waiting
    waiting = []
    for (const resolve of tell) resolve()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const resetAll = (): void => {
    for (const { client, upstream } of [...pairs]) {
      client.resetAndDestroy()
      upstream.destroy()
    }
  }
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return pairs.size
    },
    get accepted() {
      return accepted
    },
    cut: resetAll,
    stall() {
      mode = 'stall'
      for (const pair of pairs) silence(pair)
    },
    refuse() {
      mode = 'refuse'
    },
    resume() {
      mode = 'forward'
    },
    nextConnection: () => new Promise((resolve) => waiting.push(resolve)),
    async close() {
      const closed = once(server, 'close')
      server.close()
      resetAll()
      await closed
    },
  }
}

function silence({ client, upstream }: Pair): void {
  client.unpipe(upstream)
  upstream.unpipe(client)
  client.pause()
  upstream.pause()
}
