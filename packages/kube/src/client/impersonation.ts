import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parse } from 'yaml'
import { KubeConfigError } from '../errors.ts'

/** What a user of a kubeconfig may say of whom to act as (client-go `AuthInfo`); the client library knows only `as`. */
interface Impersonation {
  readonly as?: string
  readonly 'as-uid'?: string
  readonly 'as-groups'?: readonly string[]
  readonly 'as-user-extra'?: Readonly<Record<string, readonly string[]>>
}

/**
 * The headers that make the API server take us for somebody else. Leaving one out would make us somebody that the
 * kubeconfig does not name. `path` is the kubeconfig that was asked for; default: those that kubectl finds.
 */
export function impersonationHeaders(path: string | undefined, userName: string): Record<string, string | string[]> {
  const user = userIn(path === undefined ? defaultFiles() : [path], userName)
  const { as = '', 'as-uid': uid = '', 'as-groups': groups = [], 'as-user-extra': extra = {} } = user ?? {}
  const more = {
    ...(uid === '' ? {} : { 'Impersonate-Uid': uid }),
    ...(groups.length === 0 ? {} : { 'Impersonate-Group': [...groups] }),
    // Keys are made lower case by HTTP and are percent-encoded, so that any key can be sent (Kubernetes, User impersonation).
    ...Object.fromEntries(
      Object.entries(extra).map(([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, [...values]]),
    ),
  }
  if (as !== '') return { 'Impersonate-User': as, ...more }
  if (Object.keys(more).length > 0)
    throw new KubeConfigError('kubeconfig: as-uid, as-groups and as-user-extra need as, the user to act as')
  return {}
}

/** Of several files the first that has the user counts, as in kubectl. */
function userIn(files: readonly string[], name: string): Impersonation | undefined {
  for (const file of files) {
    const config = parse(readFileSync(file, 'utf8')) as { users?: { name: string; user?: Impersonation }[] } | null
    const found = config?.users?.find((each) => each.name === name)
    if (found !== undefined) return found.user
  }
  return undefined
}

function defaultFiles(): string[] {
  // eslint-disable-next-line no-restricted-syntax -- the client library reads it as well, and both must read the same
  const named = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '')
  const own = join(homedir(), '.kube', 'config')
  return named.length > 0 ? named : existsSync(own) ? [own] : []
}
