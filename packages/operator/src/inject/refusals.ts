import { isReserved, type Container, type Pod } from './pod.ts'

/**
 * What keeps a pod from being contained, each naming its field. A pod with any of these is refused, never skipped: the
 * ValidatingAdmissionPolicy of the chart says the same when this webhook is away.
 */
export function refusals(pod: Pod): string[] {
  const { spec } = pod
  const problems: string[] = []
  const refuse = (field: string, why: string) => problems.push(`${field}: ${why}`)
  if (spec.hostNetwork === true)
    refuse('spec.hostNetwork', 'must not be true: the network of the node cannot be contained')
  if (spec.hostPID === true) refuse('spec.hostPID', 'must not be true')
  if (spec.hostIPC === true) refuse('spec.hostIPC', 'must not be true')
  if (spec.shareProcessNamespace === true)
    refuse('spec.shareProcessNamespace', 'must not be true: the agent could reach into the sidecar')
  if ((spec.securityContext?.sysctls ?? []).length > 0) refuse('spec.securityContext.sysctls', 'must be empty')
  if (spec.securityContext?.seccompProfile?.type === 'Unconfined')
    refuse('spec.securityContext.seccompProfile.type', 'must not be Unconfined')
  for (const [index, volume] of (spec.volumes ?? []).entries()) {
    if (volume.hostPath !== undefined)
      refuse(`spec.volumes[${index}].hostPath`, 'not allowed: it reaches into the node')
  }
  for (const [index, container] of spec.containers.entries()) {
    if (isReserved(container.name))
      refuse(`spec.containers[${index}].name`, `the prefix of "${container.name}" is reserved`)
    problems.push(...containerRefusals(container, `spec.containers[${index}]`))
  }
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    if (!isReserved(container.name)) problems.push(...containerRefusals(container, `spec.initContainers[${index}]`))
  }
  return problems
}

function containerRefusals(container: Container, field: string): string[] {
  const context = container.securityContext ?? {}
  const problems: string[] = []
  if (context.privileged === true) problems.push(`${field}.securityContext.privileged: must not be true`)
  if (context.allowPrivilegeEscalation === true)
    problems.push(`${field}.securityContext.allowPrivilegeEscalation: must not be true`)
  if ((context.capabilities?.add ?? []).length > 0)
    problems.push(`${field}.securityContext.capabilities.add: must be empty; agents run with no capability`)
  if (context.seccompProfile?.type === 'Unconfined')
    problems.push(`${field}.securityContext.seccompProfile.type: must not be Unconfined`)
  if (context.procMount !== undefined && context.procMount !== 'Default')
    problems.push(`${field}.securityContext.procMount: must be Default`)
  for (const [index, port] of (container.ports ?? []).entries()) {
    if (port.hostPort !== undefined && port.hostPort !== 0)
      problems.push(`${field}.ports[${index}].hostPort: not allowed`)
  }
  return problems
}
