import { systemRandom } from '@chaperone/core'
import {
  backdateMs,
  createAuthority,
  issueLeaf,
  splitBundle,
  type KeyPair,
} from '../../packages/operator/src/certs/authority.ts'
import { overlapMs } from '../../packages/operator/src/certs/desired.ts'
import type { Kubectl } from '../harness/cluster.ts'
import { eventually } from '../harness/command.ts'

const system = 'chaperone-system'
const host = `chaperone-control.${system}.svc`
/** What is left of the ten minutes in which an authority is only made known: the operator must publish it by then. */
const leftMs = 15_000

interface Kept {
  readonly bundle: string[]
  readonly caKey: string
  readonly leaf: KeyPair
}

const encode = (text: string): string => Buffer.from(text).toString('base64')
const decode = (text: string): string => Buffer.from(text, 'base64').toString()

async function readKept(kubectl: Kubectl): Promise<Kept> {
  const text = await kubectl('get', 'secret', '-n', system, 'chaperone-certs', '-o', 'json')
  const { data } = JSON.parse(text) as { data: Record<string, string> }
  const of = (name: string): string => decode(data[name] ?? '')
  return {
    bundle: splitBundle(of('ca.crt')),
    caKey: of('ca.key'),
    leaf: { certificate: of('tls.crt'), key: of('tls.key') },
  }
}

async function writeKept(kubectl: Kubectl, { bundle, caKey, leaf }: Kept): Promise<void> {
  const data = {
    'ca.crt': encode(bundle.join('')),
    'ca.key': encode(caKey),
    'tls.crt': encode(leaf.certificate),
    'tls.key': encode(leaf.key),
  }
  await kubectl('patch', 'secret', '-n', system, 'chaperone-certs', '--type=merge', '-p', JSON.stringify({ data }))
}

const published = async (kubectl: Kubectl): Promise<string[]> => {
  const path = 'jsonpath={.webhooks[*].clientConfig.caBundle}'
  const bundles = await kubectl('get', 'mutatingwebhookconfiguration', 'chaperone', '-o', path)
  return [...new Set(bundles.split(' '))].map(decode)
}

/**
 * Lets the operator change its authority as it does once a year: it makes the new one known beside the old one, after ten
 * minutes signs with it, and after ten more forgets the old one. What it keeps is made older here, so that seconds do.
 */
export async function rotate(kubectl: Kubectl, betweenSteps: () => Promise<unknown>): Promise<void> {
  const before = await readKept(kubectl)
  const authority = await createAuthority(Date.now() + backdateMs - overlapMs + leftMs, systemRandom)
  const both = [authority.certificate, ...before.bundle]
  await writeKept(kubectl, { ...before, bundle: both, caKey: authority.key })
  await publishes(kubectl, both)
  await eventually(
    () => readKept(kubectl),
    ({ leaf }) => leaf.certificate !== before.leaf.certificate,
    90_000,
  )
  await betweenSteps()
  const leaf = await issueLeaf(authority, [host, `${host}.cluster.local`], Date.now() - overlapMs, systemRandom)
  await writeKept(kubectl, { ...(await readKept(kubectl)), leaf })
  await publishes(kubectl, [authority.certificate])
  await betweenSteps()
}

const publishes = (kubectl: Kubectl, bundle: readonly string[]): Promise<unknown> =>
  eventually(
    () => published(kubectl),
    (bundles) => bundles.length === 1 && bundles[0] === bundle.join(''),
    60_000,
  )
