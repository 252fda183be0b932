import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIP, type Server } from 'node:net'
import type { Interception } from '@chaperone/api'
import { sidecarPorts } from '@chaperone/guard'
import type { ListenAddress } from '../config.ts'
import { EnvironmentError } from '../errors.ts'
import type { Listeners } from './listeners.ts'

/** The guard's redirect turns every destination into these; a proxy is nobody's but the pod's. */
const loopback = ['127.0.0.1', '::1'] as const
/** Connections that the kernel keeps for us while we are busy. */
const backlog = 1024

/**
 * Binds every listener of a pod, on loopback only. A family that the pod does not have is left out; a port that somebody
 * else holds is fatal, for it may be the agent, squatting.
 */
export async function bindListeners(interception: Interception): Promise<Listeners> {
  const { transparent, dns, quic, udp, proxy } = sidecarPorts
  const tcp = (port: number) => onLoopback((host) => listenTcp({ host, port }))
  const datagrams = (port: number) => onLoopback((host) => bindUdp({ host, port }))
  if (interception === 'Proxy')
    return { transparent: [], dnsTcp: [], dnsUdp: [], quic: [], udp: [], proxy: await tcp(proxy) }
  return {
    dnsTcp: await tcp(dns),
    dnsUdp: await datagrams(dns),
    quic: await datagrams(quic),
    udp: await datagrams(udp),
    // Last, because it tells verify that all are there.
    transparent: await tcp(transparent),
    proxy: [],
  }
}

/** Half-open, so that an end in one direction is passed on as such and the other goes on. */
export async function listenTcp({ host, port }: ListenAddress): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  server.listen({ host, port, backlog, ipv6Only: isIP(host) === 6 })
  await listening(server, { host, port })
  return server
}

async function bindUdp({ host, port }: ListenAddress): Promise<UdpSocket> {
  const v6 = isIP(host) === 6
  const socket = createSocket({ type: v6 ? 'udp6' : 'udp4', ipv6Only: v6 })
  socket.bind(port, host)
  await listening(socket, { host, port })
  return socket
}

async function onLoopback<T>(bind: (host: string) => Promise<T>): Promise<T[]> {
  const bound: T[] = []
  for (const host of loopback) {
    try {
      bound.push(await bind(host))
    } catch (error) {
      if (!isFamilyMissing(error)) throw error
    }
  }
  if (bound.length === 0) throw new EnvironmentError('ERR_ENVIRONMENT', 'the pod has neither IPv4 nor IPv6 loopback')
  return bound
}

async function listening(server: Server | UdpSocket, { host, port }: ListenAddress): Promise<void> {
  try {
    await once(server, 'listening')
  } catch (error) {
    if (isFamilyMissing(error)) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new EnvironmentError('ERR_ENVIRONMENT', `cannot listen on ${host} port ${port}: ${code ?? 'unknown'}`)
  }
}

function isFamilyMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}
