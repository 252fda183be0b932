import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the two versions of cgroups(7) keep what a process may take from now on. */
const versions = [
  { root: '/sys/fs/cgroup/memory', marker: 'memory.limit_in_bytes', limit: 'memory.limit_in_bytes' },
  { root: '/sys/fs/cgroup', marker: 'cgroup.controllers', limit: 'memory.max' },
] as const

/**
 * Lets a process take `bytes` more memory, as a container's limit does: the kernel kills it when it takes more. Returns the
 * way to tidy up when the process is gone.
 */
export function limitMemory(pid: number, bytes: number): () => void {
  const version = versions.find(({ root, marker }) => existsSync(join(root, marker)))
  if (version === undefined) throw new Error('needs cgroups that root may write to: /sys/fs/cgroup')
  const group = join(version.root, `chaperone-test-${pid}`)
  mkdirSync(group)
  if (version.limit === 'memory.max') writeFileSync(join(version.root, 'cgroup.subtree_control'), '+memory')
  writeFileSync(join(group, version.limit), String(bytes))
  writeFileSync(join(group, 'cgroup.procs'), String(pid))
  return () => rmdirSync(group)
}
