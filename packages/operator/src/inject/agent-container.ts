import { isReserved, type Container, type EnvVar } from './pod.ts'
import { withProxyEnv } from './proxy-env.ts'
import { volumeNames, type InjectSettings } from './settings.ts'
import { withTrustEnv } from './trust-env.ts'
import { trustMounts } from './trust-mounts.ts'

/** Volumes that the service account admission plug-in adds; an agent gets no usable Kubernetes token. */
export const isTokenVolume = (name: string): boolean => name.startsWith('kube-api-access-')

/** Where clients inside a cluster look for the token and the authority of its API. */
const serviceAccountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
/** The API by its name, which rules can state, instead of its address. */
const kubernetesEnv: readonly EnvVar[] = [
  { name: 'KUBERNETES_SERVICE_HOST', value: 'kubernetes.default.svc' },
  { name: 'KUBERNETES_SERVICE_PORT', value: '443' },
]

/**
 * A container of the agent: no privilege to reach around the sidecar with, and trust in our certificates. With
 * `serviceAccountToken` it finds a placeholder where clients look for a token; the sidecar puts the real one in its place.
 */
export function agentContainer(
  container: Container,
  { interception, serviceAccountToken }: Pick<InjectSettings, 'interception' | 'serviceAccountToken'>,
): Container {
  const trusting = withTrustEnv(container)
  const env = interception === 'Proxy' ? withProxyEnv(trusting) : trusting
  const mounts = (container.volumeMounts ?? []).filter((mount) => !isReserved(mount.name) && !isTokenVolume(mount.name))
  return {
    ...container,
    env: serviceAccountToken ? withMissing(env, kubernetesEnv) : env,
    volumeMounts: [
      ...mounts,
      ...trustMounts(mounts),
      ...(serviceAccountToken
        ? [{ name: volumeNames.trust, subPath: 'serviceaccount', mountPath: serviceAccountPath, readOnly: true }]
        : []),
    ],
    securityContext: {
      ...container.securityContext,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: container.securityContext?.seccompProfile ?? { type: 'RuntimeDefault' },
    },
  }
}

function withMissing(env: readonly EnvVar[], more: readonly EnvVar[]): EnvVar[] {
  const names = new Set(env.map(({ name }) => name))
  return [...env, ...more.filter(({ name }) => !names.has(name))]
}
