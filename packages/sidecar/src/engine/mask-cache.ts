import { compileMask, MaskError, type Mask } from '@chaperone/mask'
import type { PolicyHolder } from './engine.ts'

/** Sets of profiles whose masks are kept for one policy; rules name few. */
const maxMasks = 128

export interface MaskCache {
  /**
   * The mask of these profiles; undefined when there are none. Throws MaskError for one that the policy in force does not
   * have: whoever cites it was judged by an earlier one, and may not go on unmasked.
   */
  get(profiles: readonly string[]): Mask | undefined
  /** The mask of every profile of the session. */
  all(): Mask | undefined
}

/** `key`: 32 random bytes of this pod; the same value gives the same token as long as it is the same. */
export function createMaskCache(policy: PolicyHolder, key: Uint8Array): MaskCache {
  let hash: string | undefined
  const masks = new Map<string, Mask | undefined>()
  const get = (profiles: readonly string[]): Mask | undefined => {
    if (profiles.length === 0) return undefined
    const source = policy.current?.source
    if (hash !== source?.hash || masks.size >= maxMasks) masks.clear()
    hash = source?.hash
    const id = profiles.join(' ')
    if (!masks.has(id)) {
      const wanted = source?.maskingProfiles.filter((profile) => profiles.includes(profile.name)) ?? []
      if (wanted.length < new Set(profiles).size)
        throw new MaskError('ERR_MASK_CONTENT', 'masking profiles: expected those of the policy in force')
      masks.set(id, compileMask(wanted, key))
    }
    return masks.get(id)
  }
  return { get, all: () => get(policy.current?.source.maskingProfiles.map((profile) => profile.name) ?? []) }
}
