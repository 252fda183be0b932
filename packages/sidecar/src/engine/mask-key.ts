import { join } from 'node:path'
import type { Random } from '@chaperone/core'
import { readIfPresent } from '../files/read-if-present.ts'
import { writeAtomically } from '../files/write-atomically.ts'

const keyBytes = 32

/** The key of this pod's tokens, kept in its memory volume so that a restart does not change them. */
export async function openMaskKey(privateDir: string, random: Random): Promise<Uint8Array> {
  const path = join(privateDir, 'mask.key')
  const kept = await readIfPresent(path)
  if (kept !== undefined) return Buffer.from(kept, 'hex')
  const key = Buffer.from(random.bytes(keyBytes))
  await writeAtomically(path, key.toString('hex'), 0o600)
  return key
}
