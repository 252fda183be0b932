import { sidecarPorts } from '@chaperone/guard'
import { blockedIcmp } from './blocked-icmp.ts'
import { blockedUdp } from './blocked-udp.ts'
import { elsewhere, type Check } from './check.ts'
import { closedPort } from './closed-port.ts'
import { redirectedDns } from './redirected-dns.ts'
import { redirectedTcp } from './redirected-tcp.ts'

const loopback = ['127.0.0.1', '::1'] as const

/** Every way out that is tried; a new one is a file and a line. */
export const checks: readonly Check[] = [
  redirectedTcp('TCP over IPv4', elsewhere.v4, 443),
  redirectedTcp('TCP over IPv6', elsewhere.v6, 443),
  redirectedTcp('cloud metadata over IPv4', '169.254.169.254', 80),
  redirectedTcp('cloud metadata over IPv6', 'fd00:ec2::254', 80),
  blockedUdp('UDP 443 over IPv4', elsewhere.v4, 443),
  blockedUdp('UDP 443 over IPv6', elsewhere.v6, 443),
  redirectedDns('DNS over UDP to another server', 'udp', elsewhere.v4),
  redirectedDns('DNS over UDP to another server, IPv6', 'udp', elsewhere.v6),
  redirectedDns('DNS over TCP to another server', 'tcp', elsewhere.v4),
  blockedIcmp,
  ...loopback.map((address) => closedPort(`the sidecar's health port at ${address}`, address, sidecarPorts.health)),
]
