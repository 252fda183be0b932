import { sidecarPorts } from './ports.ts'

/**
 * The rule set of a network namespace that holds nothing but loopback, where `ip route add local default dev lo` makes
 * every address local. Nothing can leave whatever the rules say; they only lead TCP and DNS to the listeners that the
 * sidecar, outside, was handed. 127.0.0.0/8 and ::1 stay inside for the agent's own servers.
 */
export function laptopRules(): string {
  const { transparent, dns } = sidecarPorts
  return `add table inet chaperone
delete table inet chaperone
table inet chaperone {
  chain to_sidecar {
    type nat hook output priority -100; policy accept;
    udp dport 53 redirect to :${dns}
    tcp dport 53 redirect to :${dns}
    ip daddr 127.0.0.0/8 return
    ip6 daddr ::1 return
    meta l4proto tcp redirect to :${transparent}
  }
}
`
}
