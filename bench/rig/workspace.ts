import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestAuthority, type TestAuthority } from '@chaperone/testkit'

/** Names that the agent uses; only the sidecar's `--resolve` knows where they are. */
export const host = 'api.bench.test'
export const databaseHost = 'db.bench.test'

/** A folder and a certificate authority for one row; both go when it ends. */
export interface Workspace {
  readonly directory: string
  readonly authority: TestAuthority
  folder(name: string): string
  /** Key and certificate of a server, PEM, as files. */
  certificate(name: string): Promise<{ readonly key: string; readonly certificate: string }>
  readonly authorityFile: string
}

export async function createWorkspace(): Promise<Workspace> {
  const directory = mkdtempSync(join(tmpdir(), 'chaperone-bench-'))
  // PostgreSQL refuses to run as root, and has to reach its folder.
  chmodSync(directory, 0o755)
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const authority = await createTestAuthority()
  const authorityFile = join(directory, 'authority.pem')
  writeFileSync(authorityFile, authority.certificate)
  const folder = (name: string): string => {
    mkdirSync(join(directory, name), { recursive: true })
    return join(directory, name)
  }
  return {
    directory,
    authority,
    authorityFile,
    folder,
    async certificate(name) {
      const issued = await authority.issue(name)
      const files = { key: join(folder('tls'), `${name}.key`), certificate: join(folder('tls'), `${name}.crt`) }
      writeFileSync(files.key, issued.key)
      writeFileSync(files.certificate, issued.certificate)
      return files
    },
  }
}
