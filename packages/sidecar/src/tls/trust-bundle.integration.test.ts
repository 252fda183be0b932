import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { systemClock, systemRandom } from '@chaperone/core'
import { openCertificateAuthority } from './certificate-authority.ts'
import { writeTrustBundle } from './trust-bundle.ts'

const run = promisify(execFile)

test('OpenSSL reads the bundle and keytool reads the key store', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'trust-'))
  const authority = await openCertificateAuthority(dir, { clock: systemClock, random: systemRandom })
  await writeTrustBundle(
    authority.certificatePem,
    { trustDir: dir, agentTrustDir: '/agent', namespace: 'agents' },
    systemClock.now(),
  )
  await run('openssl', ['verify', '-CAfile', join(dir, 'bundle.crt'), join(dir, 'ca.crt')])
  const { stdout } = await run('keytool', [
    ...['-list', '-storetype', 'JKS', '-storepass', 'changeit', '-keystore', join(dir, 'cacerts.jks')],
  ])
  expect(stdout).toContain(`Your keystore contains ${rootCertificates.length + 1} entries`)
  expect(stdout).toContain('chaperone')
  expect(await readFile(join(dir, 'wgetrc'), 'utf8')).toBe('ca_certificate=/agent/bundle.crt\n')
  expect((await stat(join(dir, 'bundle.crt'))).mode & 0o777).toBe(0o644)
  await rm(dir, { recursive: true })
})
