import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { serviceAccountFolder } from '@chaperone/api'
import { CredentialError } from '../errors.ts'
import type { CredentialStore } from './engine.ts'

/** A Secret in Kubernetes holds at most 1 MiB; a credential is far smaller. */
const maxCredentialBytes = 64 * 1024
/** What Kubernetes allows in names of Secrets and of their keys; nothing of it leaves the directory. */
const namePattern = /^(?!\.{1,2}$)[-._a-zA-Z0-9]{1,253}$/

/** Reads `<dir>/<secret>/<key>` at each use, for Secrets and tokens are rotated. */
export function createCredentialStore(dir: string | undefined): CredentialStore {
  return {
    async read({ secretRef }) {
      const { name: secret, key } = secretRef ?? { name: serviceAccountFolder, key: 'token' }
      if (dir === undefined || !namePattern.test(secret) || !namePattern.test(key)) throw unavailable(secret, key)
      let bytes: Buffer
      try {
        bytes = await readFile(join(dir, secret, key))
      } catch (error) {
        throw unavailable(secret, key, error)
      }
      // Files written by hand end with a line feed, which is part of no credential.
      const value = bytes.toString('utf8').replace(/\r?\n$/, '')
      if (value === '' || bytes.length > maxCredentialBytes) throw unavailable(secret, key)
      return value
    },
  }
}

function unavailable(secret: string, key: string, cause?: unknown): CredentialError {
  const what =
    secret === serviceAccountFolder
      ? 'the token of the service account is not mounted: make the pod anew'
      : `key "${key}" of Secret "${secret}" cannot be read`
  return new CredentialError('ERR_CREDENTIAL_UNAVAILABLE', what, { cause })
}
