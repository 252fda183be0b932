import fastJsonPatch from 'fast-json-patch'

/** The parts of an AdmissionReview request (admission.k8s.io/v1) that we read. */
export interface AdmissionRequest {
  readonly uid: string
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string }
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'
  readonly namespace?: string
  readonly name?: string
  readonly userInfo: { readonly username: string; readonly uid?: string; readonly groups?: readonly string[] }
  readonly object: Record<string, unknown> | null
  readonly oldObject: Record<string, unknown> | null
  readonly dryRun?: boolean
}

/** What a handler decides. A handler that throws denies. */
export type AdmissionOutcome =
  | { readonly kind: 'allow'; readonly warnings?: readonly string[] }
  | { readonly kind: 'mutate'; readonly object: object; readonly warnings?: readonly string[] }
  | { readonly kind: 'deny'; readonly message: string }

/** Reads an AdmissionReview; undefined when the body is not one. */
export function parseReview(body: string): AdmissionRequest | undefined {
  let review: { kind?: unknown; request?: AdmissionRequest } | null
  try {
    review = JSON.parse(body) as typeof review
  } catch {
    return undefined
  }
  const request = review?.request
  return review?.kind === 'AdmissionReview' && typeof request?.uid === 'string' ? request : undefined
}

/** The AdmissionReview that answers `request`: a change is sent as a JSON Patch (RFC 6902) of the difference. */
export function answer(request: AdmissionRequest, outcome: AdmissionOutcome): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: request.uid, ...response(request, outcome) },
  }
}

function response(request: AdmissionRequest, outcome: AdmissionOutcome): object {
  switch (outcome.kind) {
    case 'allow':
      return { allowed: true, ...warned(outcome) }
    case 'deny':
      return { allowed: false, status: { code: 403, reason: 'Forbidden', message: outcome.message } }
    case 'mutate': {
      const patch = fastJsonPatch.compare(request.object ?? {}, outcome.object)
      if (patch.length === 0) return { allowed: true, ...warned(outcome) }
      return {
        allowed: true,
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
        ...warned(outcome),
      }
    }
  }
}

function warned({ warnings }: { warnings?: readonly string[] }): object {
  return warnings === undefined || warnings.length === 0 ? {} : { warnings }
}
