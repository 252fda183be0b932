import type { Random } from '@chaperone/core'
import { createAuthority, isIssuedBy, issueLeaf, splitBundle, validityOf } from './authority.ts'

/** What the Secret holds, PEM. */
export interface Certificates {
  /** Newest authority first; also those before it, as long as something may still trust only them. */
  readonly caBundle: string
  /** Key of the newest authority. */
  readonly caKey: string
  readonly certificate: string
  readonly key: string
}

/** An authority is published this long before anything is signed with it: webhooks and sidecars must have heard of it. */
export const overlapMs = 10 * 60_000

/**
 * What the certificates should be now; the same object when nothing is to be done. Rotation overlaps: first the new
 * authority is published beside the old one, then the leaf is changed, then the old authority is dropped.
 */
export async function desiredCertificates(
  current: Certificates | undefined,
  names: readonly string[],
  nowMs: number,
  random: Random,
): Promise<Certificates> {
  if (current === undefined) {
    const authority = await createAuthority(nowMs, random)
    const leaf = await issueLeaf(authority, names, nowMs, random)
    return { caBundle: authority.certificate, caKey: authority.key, ...leaf }
  }
  const [newest = '', ...older] = splitBundle(current.caBundle)
  if (isWorn(newest, nowMs)) {
    const authority = await createAuthority(nowMs, random)
    return { ...current, caBundle: [authority.certificate, newest].join(''), caKey: authority.key }
  }
  const ofNewest = isIssuedBy(current.certificate, newest)
  if (isWorn(current.certificate, nowMs) || (!ofNewest && nowMs - validityOf(newest).fromMs > overlapMs)) {
    const leaf = await issueLeaf({ certificate: newest, key: current.caKey }, names, nowMs, random)
    return { ...current, ...leaf }
  }
  if (ofNewest && older.length > 0 && nowMs - validityOf(current.certificate).fromMs > overlapMs)
    return { ...current, caBundle: newest }
  return current
}

/** Two thirds of its life are over. */
function isWorn(certificate: string, nowMs: number): boolean {
  const { fromMs, toMs } = validityOf(certificate)
  return nowMs > fromMs + ((toMs - fromMs) * 2) / 3
}
