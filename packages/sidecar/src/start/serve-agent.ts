import { Socket as UdpSocket } from 'node:dgram'
import type { Server } from 'node:net'
import { createBypassJournal, type BypassJournal } from '../bypass/bypass-journal.ts'
import { reportSenders, serveDatagramSink } from '../bypass/datagram-sink.ts'
import { createSocketOwner, type SocketOwner } from '../bypass/socket-owner.ts'
import { watchNameServers } from '../bypass/watch-name-servers.ts'
import { watchSockets } from '../bypass/watch-sockets.ts'
import type { Config } from '../config.ts'
import { createConnectionServer, type ConnectionServer } from '../detect/connection-server.ts'
import { createDnsJournal } from '../dns/dns-journal.ts'
import { createDnsResponder } from '../dns/dns-responder.ts'
import { serveDnsOverTcp, serveDnsOverUdp } from '../dns/serve-dns.ts'
import type { Drivers } from '../drivers.ts'
import type { Engine, PolicyHolder } from '../engine/engine.ts'
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
  readonly bypass: BypassJournal
}

export async function serveAgent(
  config: Config,
  engine: Engine,
  drivers: Drivers,
  { state, channel }: { readonly state: PodState; readonly channel: ParentChannel },
): Promise<AgentSide> {
  const { policy, recorder, clock, log } = engine
  const pool = createSyntheticPool()
  const probe = createProbeResponder(state.tls, firstDirection(policy))
  const bypass = createBypassJournal(engine, { pool, ownUids: ownUids(config) })
  // Listeners that were handed over are of another network, whose sockets we do not see.
  const ownerOf: SocketOwner = config.inherit ? () => undefined : createSocketOwner(clock)
  const connections = createConnectionServer({ engine, drivers, probe, ownerOf })
  const originalDestination = createOriginalDestination()
  const journal = createDnsJournal({ recorder, policy, clock, log })
  const isNamed = (host: string): boolean => policy.current?.destination(host).kind === 'named'
  const world = { pool, search: state.resolvConf.search, isNamed, ipv6Only: hasOnlyIpv6() }
  const respond = createDnsResponder(world, journal, clock)

  const asked = {
    nameservers: state.resolvConf.nameservers,
    journal: bypass,
    ownerOf: createSocketOwner(clock),
    originalDestination,
  }
  const serve = (role: ListenerRole, handle: Server | UdpSocket): void => {
    if ((role === 'dnsUdp' || role === 'dnsTcp') && !config.inherit) watchNameServers(handle, asked)
    if (handle instanceof UdpSocket) {
      if (role === 'dnsUdp') serveDnsOverUdp(handle, respond, log)
      else if (role === 'quic' || role === 'udp')
        serveDatagramSink(handle, reportSenders(role, { journal: bypass, ownerOf }), engine)
    } else if (role === 'dnsTcp') serveDnsOverTcp(handle, respond)
    else if (role === 'proxy') serveExplicitProxy(handle, connections, log)
    else serveTransparent(handle, { pool, connections, originalDestination, journal: bypass, ownerOf })
  }
  if (config.inherit) return { listeners: await inheritListeners(channel, serve), connections, pool, bypass }
  const listeners = await bindListeners(config.interception)
  for (const role of listenerRoles) for (const handle of listeners[role]) serve(role, handle)
  // Without a guard nothing of that is stopped, and a record of it would say so.
  if (config.interception === 'Transparent') {
    const stop = new AbortController()
    void watchSockets(bypass, clock, stop.signal)
    for (const server of listeners.transparent) server.once('close', () => stop.abort())
  }
  return { listeners, connections, pool, bypass }
}

/** Settles when the director has spoken for the first time. */
function firstDirection(policy: PolicyHolder): Promise<void> {
  return new Promise((resolve) => {
    const stop = policy.subscribe(() => {
      stop()
      resolve()
    })
  })
}

/** Verify runs as the uid below ours (packages/operator, inject), and has attempts to make. */
function ownUids({ verifyDir }: Config): readonly number[] {
  const own = process.getuid?.()
  return own === undefined ? [] : verifyDir === undefined ? [own] : [own, own - 1]
}
