import type { Credential } from '@chaperone/api'
import type { CredentialStore } from '../engine/engine.ts'

export interface CredentialHeader {
  readonly name: string
  readonly value: string
  /** The ways in which an upstream that echoes it would write it; none of them may be shown. */
  readonly hidden: readonly Buffer[]
}

/** Shorter values are words, found by accident and by guessing; hiding them would spoil answers and protect nothing. */
const minHiddenBytes = 6

/** The header that presents the credential of a rule. Rejects with CredentialError, which names no value. */
export async function credentialHeader(credential: Credential, store: CredentialStore): Promise<CredentialHeader> {
  const value = (await store.read(credential)).trim()
  switch (credential.as) {
    case 'BearerToken':
    case 'ServiceAccountToken':
      return { name: 'authorization', value: `Bearer ${value}`, hidden: hiddenForms(value) }
    case 'BasicAuth': {
      const pair = Buffer.from(`${credential.username ?? ''}:${value}`).toString('base64')
      return { name: 'authorization', value: `Basic ${pair}`, hidden: [...hiddenForms(value), ...hiddenForms(pair)] }
    }
    case 'Header':
      return { name: (credential.header ?? '').toLowerCase(), value, hidden: hiddenForms(value) }
    case 'PostgresPassword':
      throw new TypeError('a Postgres credential cannot be presented over HTTP')
  }
}

/** As it is, in a JSON string (RFC 8259 §7, with and without the slash escaped), and in a URL (RFC 3986 §2.1). */
function hiddenForms(value: string): Buffer[] {
  if (Buffer.byteLength(value) < minHiddenBytes) return []
  const json = JSON.stringify(value).slice(1, -1)
  const forms = new Set([value, json, json.replaceAll('/', '\\/'), encodeURIComponent(value.toWellFormed())])
  return [...forms].map((form) => Buffer.from(form))
}

/** What the agent sent in the place of the credential is a placeholder, or stolen: it never leaves. */
export function withCredential(
  headers: readonly [string, string][],
  credential: CredentialHeader | undefined,
): [string, string][] {
  if (credential === undefined) return [...headers]
  return [...headers.filter(([name]) => name.toLowerCase() !== credential.name), [credential.name, credential.value]]
}
