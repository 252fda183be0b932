import type { Socket as UdpSocket } from 'node:dgram'
import type { Server } from 'node:net'

/** Where the agent's traffic comes in. */
export interface Listeners {
  /** Redirected TCP. */
  readonly transparent: readonly Server[]
  readonly dnsTcp: readonly Server[]
  readonly dnsUdp: readonly UdpSocket[]
  /** Redirected datagrams that would have left, those to the port of QUIC apart. */
  readonly quic: readonly UdpSocket[]
  readonly udp: readonly UdpSocket[]
  /** Clients that know they speak to a proxy. */
  readonly proxy: readonly Server[]
}

export const listenerRoles = ['transparent', 'dnsTcp', 'dnsUdp', 'quic', 'udp', 'proxy'] as const
export type ListenerRole = (typeof listenerRoles)[number]

/** Stops accepting connections; those accepted go on. DNS stays: exchanges in progress may still need names. */
export function stopAccepting(listeners: Listeners): void {
  for (const server of [...listeners.transparent, ...listeners.proxy]) server.close()
  for (const socket of [...listeners.quic, ...listeners.udp]) socket.close()
}

export function closeDns(listeners: Listeners): void {
  for (const server of listeners.dnsTcp) server.close()
  for (const socket of listeners.dnsUdp) socket.close()
}
