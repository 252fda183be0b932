import { createHmac, createSecretKey } from 'node:crypto'
import type { MaskingProfile } from '@chaperone/api'

/** What stands in place of `value`, which `name` (a detector, or `Field`) found. */
export type Replacement = (value: string, found: { readonly name: string; readonly label: string }) => string

const base32 = 'abcdefghijklmnopqrstuvwxyz234567'
/** 60 bits: no two values of one session share a token by accident. */
const tokenCharacters = 12
/** Values come again, page after page; a keyed hash costs more than all else that is done for one. */
const maxRemembered = 2048
const maxRememberedCharacters = 256

/** `key` belongs to one session and never leaves the sidecar's memory: the same value has the same token there, and nowhere else. */
export function compileReplacement(replace: MaskingProfile['replace'], key: Uint8Array): Replacement {
  const secret = createSecretKey(key)
  const keyed = (value: string) => createHmac('sha256', secret).update(value).digest()
  switch (replace.strategy) {
    case 'Redact':
      return (_value, { name }) => `[REDACTED:${name}]`
    case 'Partial': {
      const keep = replace.keepLast ?? 4
      return (value) => (value.length <= keep * 2 ? '****' : `****${value.slice(-keep)}`)
    }
    case 'Token': {
      const token = remembering((value) => tokenOf(keyed(value)))
      return (value, { label }) => `tok_${label}_${token(value)}`
    }
    case 'Hash': {
      const hash = remembering((value) => keyed(value).toString('hex', 0, 16))
      return (value) => `hmac_${hash(value)}`
    }
  }
}

function tokenOf(digest: Buffer): string {
  let token = ''
  for (let at = 0; at < tokenCharacters; at++) token += base32.charAt((digest[at] ?? 0) & 31)
  return token
}

function remembering(compute: (value: string) => string): (value: string) => string {
  const remembered = new Map<string, string>()
  return (value) => {
    const known = remembered.get(value)
    if (known !== undefined) return known
    const result = compute(value)
    if (remembered.size >= maxRemembered) remembered.clear()
    // A copy: a part of a long text would keep all of it.
    if (value.length <= maxRememberedCharacters) remembered.set(Buffer.from(value).toString(), result)
    return result
  }
}
