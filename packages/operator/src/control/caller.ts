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
  const status = await ports.tokenReview(token, [controlAudience])
  if (status.authenticated !== true || status.audiences?.includes(controlAudience) !== true) {
    throw new CallerError(
      'ERR_CONTROL_UNAUTHENTICATED',
      `authorization: the token is not valid for audience ${controlAudience}`,
    )
  }
  const username = status.user?.username ?? ''
  const namespace = /^system:serviceaccount:([^:]+):[^:]+$/.exec(username)?.[1]
  const name = status.user?.extra?.['authentication.kubernetes.io/pod-name']?.[0]
  const uid = status.user?.extra?.['authentication.kubernetes.io/pod-uid']?.[0]
  if (namespace === undefined || name === undefined || uid === undefined)
    throw new CallerError('ERR_CONTROL_FORBIDDEN', 'the token is not bound to a pod')
  const pod = await ports.pod(namespace, name)
  if (pod?.metadata['uid'] !== uid)
    throw new CallerError('ERR_CONTROL_FORBIDDEN', 'the pod of the token does not exist')
  const sessionName = pod.metadata.labels?.[labels.session]
  const sessionUid = pod.metadata.annotations?.[annotations.sessionUid]
  if (sessionName === undefined || sessionUid === undefined)
    throw new CallerError('ERR_CONTROL_FORBIDDEN', 'the pod is bound to no session')
  return { pod: { namespace, name, uid }, serviceAccount: username, session: { name: sessionName, uid: sessionUid } }
}
