import { X509Certificate } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { writeAtomically } from '../files/write-atomically.ts'
import { encodeJks } from './jks-keystore.ts'

/** What Java's own `cacerts` uses; it keeps nobody out and is not meant to. */
const jksPassword = 'changeit'
const readableByAll = 0o644

/**
 * Writes what agents are told to trust: `ca.crt` (ours alone, for variables that add to a store), `bundle.crt` (public
 * roots and ours, for those that replace it), `cacerts.jks` for Java, `wgetrc`, and `serviceaccount/` as clients inside a
 * cluster look for it. `agentTrustDir` is where the agent sees `trustDir`.
 */
export async function writeTrustBundle(
  caPem: string,
  where: { readonly trustDir: string; readonly agentTrustDir: string; readonly namespace: string },
  nowMs: number,
): Promise<void> {
  const roots = rootCertificates.map((pem, index) => ({ alias: `root-${index}`, der: derOf(pem) }))
  const files: readonly (readonly [string, string | Uint8Array])[] = [
    ['cacerts.jks', encodeJks([{ alias: 'chaperone', der: derOf(caPem) }, ...roots], jksPassword, nowMs)],
    // For clients inside the cluster: the sidecar puts the real token in the place of this one.
    ['serviceaccount/token', 'replaced-by-chaperone'],
    ['serviceaccount/ca.crt', caPem],
    ['serviceaccount/namespace', where.namespace],
    ['wgetrc', `ca_certificate=${where.agentTrustDir}/bundle.crt\n`],
    ['bundle.crt', `${rootCertificates.join('\n')}\n${caPem}`],
    // Last: whoever sees it may rely on the others.
    ['ca.crt', caPem],
  ]
  await mkdir(join(where.trustDir, 'serviceaccount'), { recursive: true })
  for (const [name, content] of files) await writeAtomically(join(where.trustDir, name), content, readableByAll)
}

function derOf(pem: string): Uint8Array {
  return new X509Certificate(pem).raw
}
