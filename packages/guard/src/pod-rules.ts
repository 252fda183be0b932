import { sidecarPorts } from './ports.ts'

export interface PodRules {
  /** The only uid whose packets may leave; random per pod, so that no image can be built for it. */
  readonly proxyUid: number
  /** Ports that the agent declared; peers may connect to them. */
  readonly inboundPorts: readonly number[]
}

/** Connection mark of the sidecar's own flows: their RST and TIME_WAIT packets have no owner, but must pass. */
const flowMark = '0x4348'

/** RFC 4861 neighbour discovery, without which IPv6 dies. MLD is left out: its reports carry bits of the agent's choice. */
const neighbourDiscovery = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit }'

/**
 * The rule set of a pod, for one atomic `nft` transaction: needs CAP_NET_ADMIN only, may be applied again (all init
 * containers run again when the sandbox is made anew), and covers IPv4 and IPv6 in one table.
 *
 * The drop that counts is in postrouting: after a redirect the output hook still sees the original device. Rejects,
 * which give an agent an error instead of a time-out, are not allowed there and so stand in output.
 */
export function podRules({ proxyUid, inboundPorts }: PodRules): string {
  const { transparent, dns, health } = sidecarPorts
  const open = [health, ...[...new Set(inboundPorts)].sort((a, b) => a - b)].join(', ')
  return `add table inet chaperone
delete table inet chaperone
table inet chaperone {
  chain flow_mark {
    type filter hook output priority -150; policy accept;
    meta skuid ${proxyUid} ct mark set ${flowMark}
  }
  chain to_sidecar {
    type nat hook output priority -100; policy accept;
    meta skuid ${proxyUid} return
    udp dport 53 redirect to :${dns}
    tcp dport 53 redirect to :${dns}
    oifname "lo" return
    meta l4proto tcp redirect to :${transparent}
  }
  chain refused {
    type filter hook output priority 0; policy accept;
    meta skuid ${proxyUid} accept
    ct mark ${flowMark} accept
    oifname "lo" tcp dport { ${transparent}, ${dns} } ct status dnat accept
    oifname "lo" udp dport ${dns} ct status dnat accept
    oifname "lo" tcp dport { ${transparent}, ${dns}, ${health} } ct direction original counter reject with tcp reset
    oifname "lo" accept
    ct status dnat accept
    ct direction reply ct state established,related accept
    ${neighbourDiscovery} accept
    counter reject with icmpx admin-prohibited
  }
  chain contain {
    type filter hook postrouting priority 300; policy drop;
    oifname "lo" accept
    meta skuid ${proxyUid} accept
    ct mark ${flowMark} accept
    ct direction reply ct state established,related accept
    ${neighbourDiscovery} accept
    counter
  }
  chain inbound {
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
    tcp dport { ${open} } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, packet-too-big } accept
    icmp type { destination-unreachable, time-exceeded } accept
    counter
  }
}
`
}
