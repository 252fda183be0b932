import { Socket as UdpSocket } from 'node:dgram'
import type { Server } from 'node:net'
import type { Config } from '../config.ts'
import { createConnectionServer, type ConnectionServer } from '../detect/connection-server.ts'
import { createDnsJournal } from '../dns/dns-journal.ts'
import { createDnsResponder } from '../dns/dns-responder.ts'
import { serveDnsOverTcp, serveDnsOverUdp } from '../dns/serve-dns.ts'
import type { Drivers } from '../drivers.ts'
import type { Engine } from '../engine/engine.ts'
import { bindListeners } from '../listen/bind-listeners.ts'
import { serveExplicitProxy } from '../listen/explicit-proxy.ts'
import { inheritListeners, type ParentChannel } from '../listen/inherit-listeners.ts'
import { listenerRoles, type ListenerRole, type Listeners } from '../listen/listeners.ts'
import { createOriginalDestination } from '../listen/original-destination.ts'
import { serveTransparent } from '../listen/serve-transparent.ts'
import { createSyntheticPool, type SyntheticPool } from '../names/synthetic-pool.ts'
import { hasOnlyIpv6 } from '../upstream/own-addresses.ts'
import { createProbeResponder } from '../verify/probe-responder.ts'
import type { PodState } from './open-state.ts'

/** Everything that faces the agent, listening. */
export interface AgentSide {
  readonly listeners: Listeners
  readonly connections: ConnectionServer
  readonly pool: SyntheticPool
}

export async function serveAgent(
  config: Config,
  engine: Engine,
  drivers: Drivers,
  { state, channel }: { readonly state: PodState; readonly channel: ParentChannel },
): Promise<AgentSide> {
  const { policy, recorder, clock, log } = engine
  const pool = createSyntheticPool()
  const probe = createProbeResponder(state.tls)
  const connections = createConnectionServer({ engine, drivers, probe })
  const originalDestination = createOriginalDestination()
  const journal = createDnsJournal({ recorder, policy, clock, log })
  const isNamed = (host: string): boolean => policy.current?.destination(host).kind === 'named'
  const world = { pool, search: state.resolvConf.search, isNamed, ipv6Only: hasOnlyIpv6() }
  const respond = createDnsResponder(world, journal, clock)

  const serve = (role: ListenerRole, handle: Server | UdpSocket): void => {
    if (handle instanceof UdpSocket) return serveDnsOverUdp(handle, respond, log)
    if (role === 'dnsTcp') serveDnsOverTcp(handle, respond)
    else if (role === 'proxy') serveExplicitProxy(handle, connections, log)
    else serveTransparent(handle, { engine, pool, connections, originalDestination })
  }
  if (config.inherit) return { listeners: await inheritListeners(channel, serve), connections, pool }
  const listeners = await bindListeners(config.explicitProxy)
  for (const role of listenerRoles) for (const handle of listeners[role]) serve(role, handle)
  return { listeners, connections, pool }
}
