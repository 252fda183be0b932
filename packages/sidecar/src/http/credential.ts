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

/**
 * As it is, in a JSON string and in a URL. As UTF-8 and as Latin-1: a header field carries one byte for each of its
 * characters, and an upstream may echo those.
 */
function hiddenForms(value: string): Buffer[] {
  if (Buffer.byteLength(value) < minHiddenBytes) return []
  const texts = [value, ...jsonForms(value)]
  const utf8 = texts.map((text) => Buffer.from(text).toString('latin1'))
  const forms = new Set([...utf8, ...texts.filter(isLatin1), ...urlForms(value)])
  return [...forms].map((form) => Buffer.from(form, 'latin1'))
}

const isLatin1 = (text: string): boolean => /^[^\u0100-\uffff]*$/.test(text)

/** What encoders write as \uXXXX though they need not (RFC 8259 §7): nothing, Go `<>&`, Python what is not ASCII, .NET all of it. */
const escapedSets = [/[^\s\S]/, /[<>&]/, /[^\0-~]/, /[<>&]|[^\0-~]/, /[<>&+'"`]|[^\0-~]/]

function jsonForms(value: string): string[] {
  return escapedSets.flatMap((set) => {
    const lower = jsonEscaped(value, set)
    return [lower, lower.replaceAll(/\\u..../g, (escape) => `\\u${escape.slice(2).toUpperCase()}`)].flatMap((form) => [
      form,
      form.replaceAll('/', '\\/'),
    ])
  })
}

function jsonEscaped(value: string, set: RegExp): string {
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return Array.from(value, (character) =>
    set.test(character) ? character.split('').map(escape).join('') : JSON.stringify(character).slice(1, -1),
  ).join('')
}

/** Percent-encoded (RFC 3986 §2.1), its digits in either case, as UTF-8 and as the bytes of the header field. */
function urlForms(value: string): string[] {
  const utf8 = encodeURIComponent(value.toWellFormed())
  const bytes = isLatin1(value) ? Array.from(value, percentEncoded).join('') : utf8
  return [utf8, bytes].flatMap((form) => [form, form.replaceAll(/%../g, (octet) => octet.toLowerCase())])
}

const percentEncoded = (character: string): string =>
  character > '~' ? `%${character.charCodeAt(0).toString(16).toUpperCase()}` : encodeURIComponent(character)

/**
 * Where vendors look for a key, and many in more than one of them: a second key there would be one that the agent brought, be it a placeholder
 * that spoils the request or somebody else's account.
 */
const keyFields = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']

/** What the agent sent in the place of the credential is a placeholder, or stolen: it never leaves. */
export function withCredential(
  headers: readonly [string, string][],
  credential: CredentialHeader | undefined,
): [string, string][] {
  if (credential === undefined) return [...headers]
  const replaced = keyFields.includes(credential.name) ? keyFields : [credential.name]
  return [...headers.filter(([name]) => !replaced.includes(name.toLowerCase())), [credential.name, credential.value]]
}
