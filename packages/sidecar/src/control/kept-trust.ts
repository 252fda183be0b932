import { join } from 'node:path'
import type { ControlAddress } from '../config.ts'
import { readIfPresent } from '../files/read-if-present.ts'
import { writeAtomically } from '../files/write-atomically.ts'

/**
 * The certificates that the director is known by: those of the pod's environment, and those it announced later, which a
 * restart of the container must not forget.
 */
export interface KeptTrust {
  readonly address: ControlAddress
  keep(caBundle: string): Promise<void>
}

export async function openKeptTrust(address: ControlAddress, privateDir: string): Promise<KeptTrust> {
  const path = join(privateDir, 'control-ca.crt')
  const announced = address.kind === 'https' ? await readIfPresent(path) : undefined
  let kept = announced
  return {
    address: address.kind === 'https' ? { ...address, ca: `${announced ?? ''}\n${address.ca}` } : address,
    async keep(caBundle) {
      if (caBundle === kept) return
      await writeAtomically(path, caBundle, 0o600)
      kept = caBundle
    },
  }
}
