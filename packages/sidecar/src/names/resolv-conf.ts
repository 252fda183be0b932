import { join } from 'node:path'
import { isIP } from 'node:net'
import { readIfPresent } from '../files/read-if-present.ts'
import { writeAtomically } from '../files/write-atomically.ts'

/** What /etc/resolv.conf says (resolv.conf(5)). */
export interface ResolvConf {
  readonly nameservers: readonly string[]
  /** Lower case, no trailing dot. */
  readonly search: readonly string[]
}

/** glibc reads three; more are never asked. */
const maxNameservers = 3
const maxSearch = 32
const keptName = 'resolv.conf'

/** Unknown lines are ignored, as resolvers do. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = []
  let search: string[] = []
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    if (keyword === 'nameserver' && isIP(values[0]?.replace(/%.*$/, '') ?? '') !== 0) nameservers.push(values[0] ?? '')
    // The last one counts.
    if (keyword === 'search' || keyword === 'domain') search = values.map(plainName).filter((name) => name !== '')
  }
  return { nameservers: nameservers.slice(0, maxNameservers), search: search.slice(0, maxSearch) }
}

/**
 * The resolver configuration as it was before the agent started. The file is one for all containers of a pod and an agent
 * may be able to write it, so that the first reading is kept in `privateDir` for restarts of the sidecar.
 */
export async function readResolvConf(privateDir: string, path = '/etc/resolv.conf'): Promise<ResolvConf> {
  const kept = join(privateDir, keptName)
  const before = await readIfPresent(kept)
  if (before !== undefined) return parseResolvConf(before)
  const text = (await readIfPresent(path)) ?? ''
  await writeAtomically(kept, text, 0o600)
  return parseResolvConf(text)
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
