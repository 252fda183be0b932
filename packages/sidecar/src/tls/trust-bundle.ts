import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { writeAtomically } from '../files/write-atomically.ts'
import { encodeJks } from './jks-keystore.ts'

/** What Java's own `cacerts` uses; it keeps nobody out and is not meant to. */
const jksPassword = 'changeit'
const readableByAll = 0o644

/**
 * Writes what agents are told to trust: `ca.crt` (ours alone, for variables that add to a store), `bundle.crt` (public
 * roots and ours, for those that replace it), `cacerts.jks` for Java and `wgetrc`. `agentTrustDir` is where the agent
 * sees `trustDir`.
 */
export async function writeTrustBundle(
  caPem: string,
  where: { readonly trustDir: string; readonly agentTrustDir: string },
  nowMs: number,
): Promise<void> {
  const roots = rootCertificates.map((pem, index) => ({ alias: `root-${index}`, der: derOf(pem) }))
  const files: readonly (readonly [string, string | Uint8Array])[] = [
    ['cacerts.jks', encodeJks([{ alias: 'chaperone', der: derOf(caPem) }, ...roots], jksPassword, nowMs)],
    ['wgetrc', `ca_certificate=${where.agentTrustDir}/bundle.crt\n`],
    ['bundle.crt', `${rootCertificates.join('\n')}\n${caPem}`],
    // Last: whoever sees it may rely on the others.
    ['ca.crt', caPem],
  ]
  for (const [name, content] of files) await writeAtomically(join(where.trustDir, name), content, readableByAll)
}

function derOf(pem: string): Uint8Array {
  return new X509Certificate(pem).raw
}
