import type { SecureContext } from 'node:tls'

/** Gives protocol drivers what they need to speak TLS as any server the agent names. */
export interface TlsTerminator {
  /** A context whose leaf is good for `name` (a host name or an IP literal) and chains to the pod's own CA. */
  contextFor(name: string): Promise<SecureContext>
}
