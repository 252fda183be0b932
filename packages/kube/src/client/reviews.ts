import type { CallOptions, KubeClient } from './kube-client.ts'
import type { KubeObject } from './object.ts'
import type { Resource } from './resource.ts'

/** Who somebody is, as the API server vouches. */
export interface UserInfo {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  /** Of service account tokens: `authentication.kubernetes.io/pod-name`, `…/pod-uid` and more. */
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** authentication.k8s.io/v1 TokenReviewStatus. */
export interface TokenReviewStatus {
  readonly authenticated?: boolean
  /** Those asked for that the token is valid for. */
  readonly audiences?: readonly string[]
  readonly user?: UserInfo
  readonly error?: string
}

/** What is to be done, in terms of RBAC. */
export interface ResourceAttributes {
  readonly verb: string
  readonly group?: string
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}

export interface AccessReviewStatus {
  readonly allowed: boolean
  readonly denied?: boolean
  readonly reason?: string
}

type Creator = Pick<KubeClient, 'create'>

interface Review<Spec, Status> extends KubeObject {
  readonly spec?: Spec
  readonly status?: Status
}

type TokenReview = Review<{ readonly token: string; readonly audiences: readonly string[] }, TokenReviewStatus>
type AccessReview = Review<UserInfoSpec & { readonly resourceAttributes: ResourceAttributes }, AccessReviewStatus>
interface UserInfoSpec {
  readonly user?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

const authentication = { group: 'authentication.k8s.io', version: 'v1', namespaced: false } as const
const authorization = { group: 'authorization.k8s.io', version: 'v1', namespaced: false } as const
const tokenReviews: Resource<TokenReview> = { ...authentication, plural: 'tokenreviews', kind: 'TokenReview' }
const selfReviews: Resource<Review<never, { readonly userInfo?: UserInfo }>> = {
  ...authentication,
  plural: 'selfsubjectreviews',
  kind: 'SelfSubjectReview',
}
const accessReviews: Resource<AccessReview> = {
  ...authorization,
  plural: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
}
const selfAccessReviews: Resource<AccessReview> = {
  ...authorization,
  plural: 'selfsubjectaccessreviews',
  kind: 'SelfSubjectAccessReview',
}

/** Asks whether `token` is genuine and meant for one of `audiences`. An answer without `authenticated` is a refusal. */
export async function reviewToken(
  client: Creator,
  token: string,
  audiences: readonly string[],
  options?: CallOptions,
): Promise<TokenReviewStatus> {
  const review = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    metadata: {},
    spec: { token, audiences },
  }
  return (await client.create(tokenReviews, review, options)).status ?? {}
}

/** Asks whether `user` may do something. An answer without a status is a refusal. */
export async function reviewAccess(
  client: Creator,
  user: UserInfo,
  attributes: ResourceAttributes,
  options?: CallOptions,
): Promise<AccessReviewStatus> {
  const { username, ...rest } = user
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: { ...rest, ...(username === undefined ? {} : { user: username }), resourceAttributes: attributes },
  }
  return (await client.create(accessReviews, review, options)).status ?? { allowed: false }
}

/** Asks whether we ourselves may do something. */
export async function reviewOwnAccess(
  client: Creator,
  attributes: ResourceAttributes,
  options?: CallOptions,
): Promise<AccessReviewStatus> {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    metadata: {},
    spec: { resourceAttributes: attributes },
  }
  return (await client.create(selfAccessReviews, review, options)).status ?? { allowed: false }
}

/** Who we are to the API server (SelfSubjectReview, as `kubectl auth whoami`). */
export async function whoAmI(client: Creator, options?: CallOptions): Promise<UserInfo> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} }
  return (await client.create(selfReviews, review, options)).status?.userInfo ?? {}
}
