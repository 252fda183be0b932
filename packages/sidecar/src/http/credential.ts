import type { Effects } from '@chaperone/policy'
import type { CredentialStore } from '../engine/engine.ts'

export interface CredentialHeader {
  readonly name: string
  readonly value: string
}

/** The header that presents the credential of a rule. Rejects with CredentialError, which names no value. */
export async function credentialHeader(
  credential: NonNullable<Effects['credential']>,
  store: CredentialStore,
): Promise<CredentialHeader> {
  const value = (await store.read(credential.secretRef.name, credential.secretRef.key)).trim()
  switch (credential.as) {
    case 'BearerToken':
      return { name: 'authorization', value: `Bearer ${value}` }
    case 'BasicAuth':
      return {
        name: 'authorization',
        value: `Basic ${Buffer.from(`${credential.username ?? ''}:${value}`).toString('base64')}`,
      }
    case 'Header':
      return { name: (credential.header ?? '').toLowerCase(), value }
    case 'PostgresPassword':
      throw new TypeError('a Postgres credential cannot be presented over HTTP')
  }
}

/** What the agent sent in the place of the credential is a placeholder, or stolen: it never leaves. */
export function withCredential(
  headers: readonly [string, string][],
  credential: CredentialHeader | undefined,
): [string, string][] {
  if (credential === undefined) return [...headers]
  return [...headers.filter(([name]) => name.toLowerCase() !== credential.name), [credential.name, credential.value]]
}
