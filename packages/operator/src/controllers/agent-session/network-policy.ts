import { apiVersion, labels, type AgentSession } from '@chaperone/api'
import { metadataAddresses } from '@chaperone/core'
import { sidecarPorts } from '@chaperone/guard'
import { type Pod } from '../../inject/pod.ts'
import { inboundPorts } from '../../inject/inbound-ports.ts'
import type { NetworkPolicy } from '../../resources.ts'

/** More than a session's pods sensibly declare; what is beyond stays closed. */
const maxInboundPorts = 256

/** IPv4 link-local: metadata of clouds, and resolvers on the node (NodeLocal DNSCache). */
const linkLocal = '169.254.0.0/16'
/** Link-local, and the metadata of clouds, which is elsewhere at some. */
const closed = {
  v4: [linkLocal, ...metadataAddresses.filter((cidr) => !cidr.includes(':') && !cidr.startsWith('169.254.'))],
  v6: ['fe80::/10', ...metadataAddresses.filter((cidr) => cidr.includes(':'))],
}
const dns = [
  { protocol: 'UDP', port: 53 },
  { protocol: 'TCP', port: 53 },
] as const

export const networkPolicyName = (session: string): string => `chaperone-${session}`

/**
 * What the network of the cluster is asked to hold the guardless pods of a session to. It sees one address for agent and
 * sidecar, so that all which rules may ever name has to stay open: TCP. Closed are other protocols, DNS to strangers,
 * link-local addresses and the metadata of clouds, and peers that connect to ports which nobody declared.
 */
export function desiredNetworkPolicy(session: AgentSession, pods: readonly Pod[]): NetworkPolicy {
  const { name, namespace = '', uid = '' } = session.metadata
  const declared = new Set(pods.flatMap((pod) => inboundPorts(pod.spec)))
  const inbound = [...declared].sort((a, b) => a - b).slice(0, maxInboundPorts)
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: networkPolicyName(name),
      namespace,
      labels: { [labels.session]: name },
      ownerReferences: [{ apiVersion, kind: 'AgentSession', name, uid, controller: true, blockOwnerDeletion: false }],
    },
    spec: {
      podSelector: { matchLabels: { [labels.session]: name, [labels.interception]: 'Proxy' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ports: [...new Set([sidecarPorts.health, ...inbound])].map((port) => ({ protocol: 'TCP', port })) }],
      egress: [
        {
          to: [
            { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } },
            { ipBlock: { cidr: linkLocal } },
          ],
          ports: dns,
        },
        {
          to: [
            { namespaceSelector: {} },
            { ipBlock: { cidr: '0.0.0.0/0', except: closed.v4 } },
            { ipBlock: { cidr: '::/0', except: closed.v6 } },
          ],
          ports: [{ protocol: 'TCP' }],
        },
      ],
    },
  }
}
