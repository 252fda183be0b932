import type { Logger } from 'pino'
import { errorText, type Clock } from '@chaperone/core'
import { KubeApiError } from '@chaperone/kube'
import { stampDecision } from './approval-handler.ts'
import { createPodHandler, type PodHandlerPorts } from './pod-handler.ts'
import { answer, parseReview, type AdmissionOutcome, type AdmissionRequest } from './review.ts'
import { stampOwner } from './session-handler.ts'
import { createWorkloadHandler, workloadKinds } from './workload-handler.ts'

type Handler = (request: AdmissionRequest) => AdmissionOutcome | Promise<AdmissionOutcome>

/** Paths of the webhook configuration. */
export const admissionPaths = {
  pods: '/mutate/pods',
  workloads: '/judge/workloads',
  approvals: '/mutate/approvalrequests',
  sessions: '/mutate/agentsessions',
} as const

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

/** Answers admission calls. A bug denies, for it must never let a pod in bare; of what is advice alone it makes a warning. */
export function createAdmissionRoutes(
  ports: PodHandlerPorts & { clock: Clock; log: Logger },
): (path: string, body: string) => Promise<HttpAnswer> {
  const handlers: Readonly<Record<string, { readonly kinds: readonly string[]; readonly handle: Handler }>> = {
    [admissionPaths.pods]: { kinds: ['Pod'], handle: createPodHandler(ports) },
    [admissionPaths.workloads]: { kinds: workloadKinds, handle: createWorkloadHandler(ports) },
    [admissionPaths.approvals]: {
      kinds: ['ApprovalRequest'],
      handle: (request) => stampDecision(request, new Date(ports.clock.now())),
    },
    [admissionPaths.sessions]: { kinds: ['AgentSession'], handle: stampOwner },
  }
  return async (path, body) => {
    const handler = handlers[path]
    if (handler === undefined) return { status: 404, body: 'no such webhook\n' }
    const request = parseReview(body)
    if (request === undefined) return { status: 400, body: 'expected an AdmissionReview of admission.k8s.io/v1\n' }
    let outcome: AdmissionOutcome
    try {
      outcome = handler.kinds.includes(request.kind.kind)
        ? await handler.handle(request)
        : { kind: 'deny', message: `chaperone: kind: ${path} judges ${handler.kinds.join(', ')} and nothing else` }
    } catch (error) {
      ports.log.error({ path, error: errorText(error) }, 'admission failed')
      const cause =
        error instanceof KubeApiError
          ? `the operator's call to the API server failed (${error.code})`
          : 'internal error'
      outcome =
        path === admissionPaths.workloads
          ? { kind: 'allow', warnings: [`chaperone: not judged, ${cause}; its pods are judged when they are made`] }
          : { kind: 'deny', message: `chaperone: ${cause}; see the log of the operator` }
    }
    return { status: 200, body: JSON.stringify(answer(request, outcome)) }
  }
}
