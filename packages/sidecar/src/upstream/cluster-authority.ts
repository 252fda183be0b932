import { join } from 'node:path'
import { serviceAccountFolder } from '@chaperone/api'
import { readIfPresent } from '../files/read-if-present.ts'

const apiNames = /^kubernetes\.default\.svc(\.|$)/

/** PEM of the authority behind the Kubernetes API, trusted for the names of that API and for no other. */
export async function openClusterAuthority(
  credentialsDir: string | undefined,
): Promise<(servername: string) => string> {
  const path = credentialsDir === undefined ? undefined : join(credentialsDir, serviceAccountFolder, 'ca.crt')
  const pem = path === undefined ? undefined : await readIfPresent(path)
  return (servername) => (apiNames.test(servername) ? (pem ?? '') : '')
}
