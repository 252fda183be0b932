import { labels } from '@chaperone/api'
import type { Pod } from '../inject/pod.ts'
import { trustWarnings } from '../inject/trust-warnings.ts'
import { judgePod } from './judge-pod.ts'
import type { PodHandlerPorts } from './pod-handler.ts'
import type { AdmissionOutcome, AdmissionRequest } from './review.ts'

/** Kinds that make pods from a template. */
export const workloadKinds = [
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'ReplicationController',
  'Job',
  'CronJob',
] as const

/**
 * Says to whoever applies a workload what its pods would meet, which otherwise only an event on their owner tells. What can
 * change without the workload, such as a session that is applied after it, is a warning. This is no gate: pods are judged when
 * they are made.
 */
export function createWorkloadHandler(
  ports: Omit<PodHandlerPorts, 'settings' | 'drawUid'>,
): (request: AdmissionRequest) => Promise<AdmissionOutcome> {
  return async (request) => {
    if (!ports.synced()) return { kind: 'allow' }
    const namespace = request.namespace ?? ''
    const workload = request.object as unknown as Workload
    const { field, template } = templateOf(workload)
    const pods = `the pods of this ${request.kind.kind}`
    const judgement = await judgePod(ports, namespace, template)
    if (judgement.kind === 'uncontainable') {
      const problems = judgement.problems.map((problem) => `${field}.${problem}`).join('; ')
      return { kind: 'deny', message: `chaperone: ${pods} cannot be contained: ${problems}` }
    }
    // What a controller makes on behalf of another workload, whose author has heard it.
    if (workload.metadata?.ownerReferences?.some(({ controller }) => controller === true) === true)
      return { kind: 'allow' }
    switch (judgement.kind) {
      case 'containable':
        return { kind: 'allow', warnings: trustWarnings(template).map((each) => `chaperone: ${field}.${each}`) }
      case 'refused':
        return warn(`as things are, ${pods} (${field}) are refused: ${judgement.message}`)
      case 'unselected': {
        const required = (await ports.namespaceLabels(namespace))[labels.injection] === 'required'
        return warn(
          `no AgentSession selects ${pods} (${field}.metadata.labels): as things are, they are ${required ? 'refused' : 'not injected'}`,
        )
      }
    }
  }
}

interface Workload {
  readonly metadata?: { readonly ownerReferences?: readonly { readonly controller?: boolean }[] }
  readonly spec: {
    readonly template?: Template
    readonly jobTemplate?: { readonly spec: { readonly template: Template } }
  }
}

type Template = Pick<Pod, 'spec'> & Partial<Pick<Pod, 'metadata'>>

/** Where the template is, and the template, which may have come without metadata. */
function templateOf({ spec }: Workload): { field: string; template: Pod } {
  const [field, template] =
    spec.jobTemplate === undefined
      ? (['spec.template', spec.template] as const)
      : (['spec.jobTemplate.spec.template', spec.jobTemplate.spec.template] as const)
  if (template === undefined) throw new Error('spec.template: expected one')
  return { field, template: { ...template, metadata: template.metadata ?? {} } }
}

const warn = (message: string): AdmissionOutcome => ({ kind: 'allow', warnings: [`chaperone: ${message}`] })
