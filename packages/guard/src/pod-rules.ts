import { sidecarPorts } from './ports.ts'

export interface PodRules {
  /** The only uid whose packets may leave; random per pod, so that no image can be built for it. */
  readonly proxyUid: number
  /** Ports that the agent declared; peers may connect to them. */
  readonly inboundPorts: readonly number[]
}

/** Connection mark of the sidecar's own flows: what the kernel sends for a closed socket has no owner, but must pass. */
const flowMark = '0x4348'

/**
 * The rule set of a pod, for one atomic `nft` transaction: needs CAP_NET_ADMIN only, may be applied again (all init
 * containers run again when the sandbox is made anew), and covers IPv4 and IPv6 in one table.
 *
 * The drop is in postrouting: after a redirect the output hook still sees the original device. The sender of a datagram is
 * told at once all the same (EPERM); TCP is never dropped there but led to the sidecar.
 *
 * Of datagrams a few in a second are led to the sidecar, which records who sent them, and lets them go nowhere.
 *
 * What has an owner is judged by its owner alone. A mark stays on a connection when its socket is gone, and whoever takes
 * the port over, be it that of a question to the name server, would inherit it: so the mark is asked only for packets
 * without an owner, and never begins a connection, as the kernel does for nobody with SYN cookies. For the same reason only
 * the sidecar can answer on the health port, and nothing is won by squatting on it.
 *
 * The sidecar's questions to the name server are flows of a zone of their own, as Istio's are: a question of the agent from a
 * port that the sidecar has just asked from would belong to that flow, and not be redirected.
 *
 * Of neighbour discovery (RFC 4861) what the kernel itself needs may pass; not MLD, whose reports carry bits of the
 * agent's choice, nor solicitations from a raw socket, which has an owner.
 */
export function podRules({ proxyUid, inboundPorts }: PodRules): string {
  const { transparent, dns, quic, udp, health } = sidecarPorts
  const declared = [...new Set(inboundPorts)].filter((port) => port !== health).sort((a, b) => a - b)
  const replies = declared.length === 0 ? '' : `tcp sport { ${declared.join(', ')} } ct direction reply accept\n    `
  return `add table inet chaperone
delete table inet chaperone
table inet chaperone {
  chain own_questions {
    type filter hook output priority -300; policy accept;
    meta skuid ${proxyUid} udp dport 53 ct original zone set 1
  }
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
    udp dport 443 limit rate 1/second redirect to :${quic}
    udp dport != 443 limit rate 1/second redirect to :${udp}
    meta l4proto tcp redirect to :${transparent}
  }
  chain contain {
    type filter hook postrouting priority 300; policy drop;
    oifname "lo" accept
    meta skuid ${proxyUid} accept
    ${replies}meta skuid != ${proxyUid} drop
    ct mark ${flowMark} tcp flags & syn == 0 accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
  chain inbound {
    type filter hook input priority 0; policy drop;
    iifname "lo" tcp dport ${health} reject with tcp reset
    iifname "lo" accept
    ct state established,related accept
    tcp dport { ${[health, ...declared].join(', ')} } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
  }
}
`
}
