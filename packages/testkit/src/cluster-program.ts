import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The path of a program of the test cluster (`kubectl`, `helm`, `kube-apiserver`, …), in `$CHAPERONE_CACHE/cluster/bin`. */
export function clusterProgram(name: string): string {
  const path = join(process.env['CHAPERONE_CACHE'] ?? join(homedir(), '.cache', 'chaperone'), 'cluster', 'bin', name)
  try {
    accessSync(path, constants.X_OK)
  } catch (error) {
    throw new Error(`${path} is missing: build the programs of the test cluster first`, { cause: error })
  }
  return path
}
