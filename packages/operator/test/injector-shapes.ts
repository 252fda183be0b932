import type { Container, Pod, Volume } from '../src/inject/pod.ts'
import type { Shape } from './other-injector.ts'

/** Init containers go first, as meshes have it, and others last; nothing is added twice. */
function add(pod: Pod, added: { init?: Container[]; containers?: Container[]; volumes?: Volume[] }): void {
  const { init = [], containers = [], volumes = [] } = added
  const missing = <T extends { name: string }>(list: readonly T[], has: readonly T[] = []) =>
    list.filter(({ name }) => !has.some((each) => each.name === name))
  pod.spec.initContainers = [...missing(init, pod.spec.initContainers), ...(pod.spec.initContainers ?? [])]
  pod.spec.containers = [...pod.spec.containers, ...missing(containers, pod.spec.containers)]
  pod.spec.volumes = [...(pod.spec.volumes ?? []), ...missing(volumes, pod.spec.volumes)]
}

/** Where the service account admission plug-in put the pod's token. */
const tokenMount = (pod: Pod) =>
  pod.spec.containers
    .flatMap(({ volumeMounts = [] }) => volumeMounts)
    .find(({ mountPath }) => mountPath.includes('serviceaccount'))

const privileges = { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] }
const proxyToken = (name: string, audience: string): Volume => ({
  name,
  projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 43200, audience } }] },
})

/** As Istio does it (files/injection-template.yaml), with init containers and with its CNI plug-in. */
export const istio =
  (redirect: 'istio-init' | 'istio-validation'): Shape =>
  (pod) =>
    add(pod, {
      init: [
        redirect === 'istio-init'
          ? { name: redirect, image: 'istio/proxyv2', securityContext: { runAsUser: 0, capabilities: privileges } }
          : { name: redirect, image: 'istio/proxyv2', securityContext: { runAsUser: 1337 } },
        {
          name: 'istio-proxy',
          image: 'istio/proxyv2',
          restartPolicy: 'Always',
          startupProbe: { httpGet: { path: '/healthz/ready', port: 15021 } },
          securityContext: { runAsUser: 1337, runAsGroup: 1337, capabilities: { drop: ['ALL'] } },
          volumeMounts: [{ name: 'istio-token', mountPath: '/var/run/secrets/tokens' }],
        },
      ],
      volumes: [{ name: 'istio-envoy', emptyDir: { medium: 'Memory' } }, proxyToken('istio-token', 'istio-ca')],
    })

/** As Linkerd does it (charts/patch/templates/patch.json). */
export const linkerd: Shape = (pod) =>
  add(pod, {
    init: [
      {
        name: 'linkerd-init',
        image: 'linkerd/proxy-init',
        securityContext: { runAsUser: 65534, allowPrivilegeEscalation: false, capabilities: privileges },
      },
      {
        name: 'linkerd-proxy',
        image: 'linkerd/proxy',
        restartPolicy: 'Always',
        securityContext: { runAsUser: 2102, readOnlyRootFilesystem: true },
        volumeMounts: [{ name: 'linkerd-identity-token', mountPath: '/var/run/secrets/tokens' }],
      },
    ],
    volumes: [proxyToken('linkerd-identity-token', 'identity.l5d.io')],
  })

/** As the Vault Agent injector does it (agent-inject/agent): one that fetches, one that renews, and the pod's own token. */
export const vault: Shape = (pod) => {
  const token = tokenMount(pod)
  const agent = (name: string): Container => ({
    name,
    image: 'hashicorp/vault',
    securityContext: { runAsUser: 100, runAsGroup: 1000, readOnlyRootFilesystem: true },
    volumeMounts: [{ name: 'vault-secrets', mountPath: '/vault/secrets' }, ...(token === undefined ? [] : [token])],
  })
  add(pod, {
    init: [agent('vault-agent-init')],
    containers: [agent('vault-agent')],
    volumes: [{ name: 'vault-secrets', emptyDir: { medium: 'Memory' } }],
  })
}

/** A native sidecar before and a container after those of the pod, and settings for every container. */
export const observability: Shape = (pod) => {
  add(pod, {
    init: [{ name: 'metrics', image: 'metrics', restartPolicy: 'Always' }],
    containers: [{ name: 'log-shipper', image: 'log-shipper', securityContext: { runAsUser: 0 } }],
    volumes: [{ name: 'logs', emptyDir: {} }],
  })
  for (const container of everyContainer(pod))
    if (container.env?.some(({ name }) => name === 'DD_AGENT_HOST') !== true)
      container.env = [...(container.env ?? []), { name: 'DD_AGENT_HOST', value: '192.0.2.1' }]
}

/** Images from a mirror. */
export const mirror: Shape = (pod) => {
  for (const container of everyContainer(pod))
    container.image = `mirror.example/${container.image?.replace('mirror.example/', '') ?? ''}`
}

/** It moves its init container to the front whenever it looks. */
export const first: Shape = (pod) => {
  const mine: Container = { name: 'me-first', image: 'me-first' }
  pod.spec.initContainers = [mine, ...(pod.spec.initContainers ?? []).filter(({ name }) => name !== mine.name)]
}

export const firewall: Shape = (pod) =>
  add(pod, { init: [{ name: 'firewall', image: 'firewall', securityContext: { capabilities: privileges } }] })

/** It takes the uid of whatever sidecar it finds. */
export const impostor: Shape = (pod) => {
  const runAsUser = pod.spec.initContainers?.find(({ name }) => name === 'chaperone-sidecar')?.securityContext
    ?.runAsUser
  add(pod, { containers: [{ name: 'impostor', image: 'impostor' }] })
  for (const container of pod.spec.containers)
    if (container.name === 'impostor' && runAsUser !== undefined)
      container.securityContext = { ...container.securityContext, runAsUser }
}

/** It gives the pod to another session, once it is ours. */
export const relabel: Shape = ({ metadata }) => {
  if (metadata.annotations?.['chaperone.dev/proxy-uid'] !== undefined)
    metadata.annotations['chaperone.dev/proxy-uid'] = '0'
}

const everyContainer = ({ spec }: Pod): Container[] => [...(spec.initContainers ?? []), ...spec.containers]
