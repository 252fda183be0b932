import { bodyKind, createBodyMasker, MaskError, type Mask } from '@chaperone/mask'
import type { AuthorizeRequest } from './engine.ts'

/**
 * A payload as masked text, or undefined for what is no text or cannot be masked: then only its size and hash are known.
 */
export function maskedPayload(payload: AuthorizeRequest['payload'], mask: Mask | undefined): string | undefined {
  if (payload === undefined) return undefined
  const kind = bodyKind(payload.contentType)
  if (kind === 'opaque') return undefined
  try {
    const masker = mask === undefined ? undefined : createBodyMasker(mask, payload.contentType)
    const bytes = masker === undefined ? payload.bytes : Buffer.concat([masker.push(payload.bytes), masker.end()])
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof MaskError || error instanceof TypeError) return undefined
    throw error
  }
}
