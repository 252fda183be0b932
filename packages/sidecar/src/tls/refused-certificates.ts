import { maxRefusedCertificates, type RefusedCertificate } from '@chaperone/api'
import type { Target } from '@chaperone/core'

/** Destinations whose certificates, made by us, clients of the agent did not accept. */
export interface RefusedCertificates {
  /** A client ended the handshake in which it was shown one. `code`: Node's of the error. */
  add(target: Target, code: string | undefined): void
  /** The latest ones, for the operator to tell people. */
  readonly current: readonly RefusedCertificate[]
}

/** `onAdded` runs when a destination is heard of for the first time. */
export function createRefusedCertificates(onAdded: () => void): RefusedCertificates {
  const refused = new Map<string, RefusedCertificate>()
  return {
    add({ host, port }, code) {
      const cause = causeOf(code)
      if (cause === undefined) return
      const key = `${host}:${port}`
      const known = refused.get(key)
      refused.delete(key)
      refused.set(key, { host, port, cause, count: (known?.count ?? 0) + 1 })
      const [oldest = ''] = refused.keys()
      if (refused.size > maxRefusedCertificates) refused.delete(oldest)
      if (known === undefined) onAdded()
    },
    get current() {
      return [...refused.values()]
    },
  }
}

/** The alert of RFC 8446 §6.2 that speaks of a certificate. Clients that send none just go; other failures are no refusal. */
function causeOf(code = 'ECONNRESET'): string | undefined {
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'connection closed'
  return /ALERT_((?:UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+))$/
    .exec(code)?.[1]
    ?.toLowerCase()
}
