import type { Container, Handler, Probe } from '../pod.ts'

/**
 * What a container of the agent must not ask for. `field`: where it is, such as `spec.containers[0]`; the name is told as well,
 * because who injects containers moves those of the author.
 */
export function containerRefusals(container: Container, field: string, credentialSecrets: readonly string[]): string[] {
  const { securityContext: context = {} } = container
  const checks: readonly (readonly [boolean, string])[] = [
    [context.privileged === true, 'securityContext.privileged: must not be true'],
    [context.allowPrivilegeEscalation === true, 'securityContext.allowPrivilegeEscalation: must not be true'],
    [
      (context.capabilities?.add ?? []).length > 0,
      'securityContext.capabilities.add: must be empty; agents run with no capability',
    ],
    [context.seccompProfile?.type === 'Unconfined', 'securityContext.seccompProfile.type: must not be Unconfined'],
    [context.appArmorProfile?.type === 'Unconfined', 'securityContext.appArmorProfile.type: must not be Unconfined'],
    [(context.procMount ?? 'Default') !== 'Default', 'securityContext.procMount: must be Default'],
    [(container.volumeDevices ?? []).length > 0, 'volumeDevices: must be empty: block devices cannot be contained'],
    ...handlers(container).map(
      ([name, handler]) =>
        [
          handler?.httpGet?.host !== undefined || handler?.tcpSocket?.host !== undefined,
          `${name}: must not name a host: the node would call it, past the sidecar`,
        ] as const,
    ),
    ...(container.ports ?? []).map(
      (port, index) => [(port.hostPort ?? 0) !== 0, `ports[${index}].hostPort: not allowed`] as const,
    ),
    ...secretsOf(container).map(
      ([at, name]) =>
        [credentialSecrets.includes(name), `${at}: holds a credential that only the sidecar may read`] as const,
    ),
  ]
  return checks.flatMap(([fails, problem]) => (fails ? [`${field}.${problem} (container "${container.name}")`] : []))
}

function handlers(container: Container): (readonly [string, Probe | Handler | undefined])[] {
  return [
    ['livenessProbe', container.livenessProbe],
    ['readinessProbe', container.readinessProbe],
    ['startupProbe', container.startupProbe],
    ['lifecycle.postStart', container.lifecycle?.postStart],
    ['lifecycle.preStop', container.lifecycle?.preStop],
  ]
}

/** Secrets that the environment of the container is made from, and where it says so. */
function secretsOf({ env = [], envFrom = [] }: Container): (readonly [string, string])[] {
  return [
    ...env.flatMap(({ valueFrom }, index) =>
      valueFrom?.secretKeyRef === undefined
        ? []
        : [[`env[${index}].valueFrom.secretKeyRef.name`, valueFrom.secretKeyRef.name] as const],
    ),
    ...envFrom.flatMap(({ secretRef }, index) =>
      secretRef === undefined ? [] : [[`envFrom[${index}].secretRef.name`, secretRef.name] as const],
    ),
  ]
}
