import { annotations, controlAudience, labels } from '@chaperone/api'
import { CodedError, type PodRef } from '@chaperone/core'
import type { Pod } from '../inject/pod.ts'

/** The pod that speaks, as the API server vouches for it: never anything that the sender claims. */
export interface Caller {
  readonly pod: PodRef
  readonly serviceAccount: string
  /** The session that the webhook stamped on the pod. */
  readonly session: { readonly name: string; readonly uid: string }
}

export interface TokenReviewStatus {
  readonly authenticated?: boolean
  readonly audiences?: readonly string[]
  readonly user?: { readonly username?: string; readonly extra?: Readonly<Record<string, readonly string[]>> }
}

export interface CallerPorts {
  readonly tokenReview: (token: string, audiences: readonly string[]) => Promise<TokenReviewStatus>
  readonly pod: (namespace: string, name: string) => Promise<Pod | undefined>
}

export class CallerError extends CodedError<'ERR_CONTROL_UNAUTHENTICATED' | 'ERR_CONTROL_FORBIDDEN'> {}

/** Identifies a sidecar by its pod-bound token (TokenReview): pod name and uid come from the review. */
export async function identifyCaller(ports: CallerPorts, authorization: string | undefined): Promise<Caller> {
  const token = /^Bearer ([\w.-]{1,8192})$/.exec(authorization ?? '')?.[1]
  if (token === undefined)
    throw new CallerError('ERR_CONTROL_UNAUTHENTICATED', 'authorization: expected a bearer token')
  const { pod, serviceAccount } = boundPod(await ports.tokenReview(token, [controlAudience]))
  const found = await ports.pod(pod.namespace, pod.name)
  if (found?.metadata['uid'] !== pod.uid)
    throw new CallerError('ERR_CONTROL_FORBIDDEN', 'the pod of the token does not exist')
  const name = found.metadata.labels?.[labels.session]
  const uid = found.metadata.annotations?.[annotations.sessionUid]
  if (name === undefined || uid === undefined)
    throw new CallerError('ERR_CONTROL_FORBIDDEN', 'the pod is bound to no session')
  return { pod, serviceAccount, session: { name, uid } }
}

function boundPod({ authenticated, audiences = [], user }: TokenReviewStatus): { pod: PodRef; serviceAccount: string } {
  if (authenticated !== true || !audiences.includes(controlAudience)) {
    throw new CallerError(
      'ERR_CONTROL_UNAUTHENTICATED',
      `authorization: the token is not valid for audience ${controlAudience}`,
    )
  }
  const serviceAccount = user?.username ?? ''
  const namespace = /^system:serviceaccount:([^:]+):[^:]+$/.exec(serviceAccount)?.[1]
  const [name] = user?.extra?.['authentication.kubernetes.io/pod-name'] ?? []
  const [uid] = user?.extra?.['authentication.kubernetes.io/pod-uid'] ?? []
  if (namespace === undefined || name === undefined || uid === undefined)
    throw new CallerError('ERR_CONTROL_FORBIDDEN', 'the token is not bound to a pod')
  return { pod: { namespace, name, uid }, serviceAccount }
}
