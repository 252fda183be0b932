import { createHmac, createSecretKey } from 'node:crypto'
import type { MaskingProfile } from '@chaperone/api'

/** What stands in place of `value`, which `name` (a detector, or `Field`) found. */
export type Replacement = (value: string, found: { readonly name: string; readonly label: string }) => string

const base32 = 'abcdefghijklmnopqrstuvwxyz234567'
/** 60 bits: no two values of one session share a token by accident. */
const tokenCharacters = 12

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
    case 'Token':
      return (value, { label }) =>
        `tok_${label}_${[...keyed(value).subarray(0, tokenCharacters)].map((byte) => base32.charAt(byte & 31)).join('')}`
    case 'Hash':
      return (value) => `hmac_${keyed(value).toString('hex').slice(0, 32)}`
  }
}
