/** One way out that must be closed. */
export interface Check {
  readonly name: string
  run(world: CheckWorld): Promise<CheckResult>
}

export interface CheckWorld {
  /** PEM of the pod's own CA: whoever presents it is the sidecar. */
  readonly caPem: string
}

/** `detail` says what was seen, for the person who reads the pod's status. */
export interface CheckResult {
  readonly contained: boolean
  /** Something was sent to nobody: out it went, be the sidecar there or not. */
  readonly certain?: true
  /** It may have been the sidecar, too busy to be met: neither contained nor a way out. */
  readonly unclear?: true
  readonly detail: string
}

/**
 * Documentation addresses (RFC 5737, RFC 3849): nobody answers there, so that an answer is the sidecar's and silence is a
 * packet that got out.
 */
export const elsewhere = { v4: '192.0.2.1', v6: '2001:db8::1' } as const

/** The kernel refused to send at all: the guard's reject, or no route of this family. */
const refusedLocally = new Set(['EPERM', 'EACCES', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])

export function isRefusedLocally(code: string | undefined): boolean {
  return code !== undefined && refusedLocally.has(code)
}

export const contained = (detail: string): CheckResult => ({ contained: true, detail })
export const unclear = (detail: string): CheckResult => ({ contained: false, unclear: true, detail })
export const escaped = (detail: string): CheckResult => ({ contained: false, detail })
export const sent = (detail: string): CheckResult => ({ contained: false, certain: true, detail })
