import { X509Certificate as NodeCertificate } from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer, isIP, type AddressInfo } from 'node:net'
import { connect, TLSSocket } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { systemClock, systemRandom } from '@chaperone/core'
import { openCertificateAuthority } from './certificate-authority.ts'
import { createLeafContexts } from './leaf-contexts.ts'

const ports = { clock: systemClock, random: systemRandom }
let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ca-'))
})
afterEach(() => rm(dir, { recursive: true }))

describe('the CA of a pod', () => {
  test('survives a restart, and its key is readable by the sidecar alone', async () => {
    const first = await openCertificateAuthority(dir, ports)
    const second = await openCertificateAuthority(dir, ports)
    expect(second.certificatePem).toBe(first.certificatePem)
    expect((await stat(join(dir, 'ca.key'))).mode & 0o777).toBe(0o600)
  })

  test('is made anew when it would soon end', async () => {
    const first = await openCertificateAuthority(dir, ports)
    const later = { ...systemClock, now: () => systemClock.now() + 350 * 24 * 3_600_000 }
    const second = await openCertificateAuthority(dir, { ...ports, clock: later })
    expect(second.certificatePem).not.toBe(first.certificatePem)
  })

  test('is a CA that can sign leaves and nothing below them', async () => {
    const { certificatePem } = await openCertificateAuthority(dir, ports)
    const certificate = new NodeCertificate(certificatePem)
    expect(certificate.ca).toBe(true)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
  })
})

describe('leaves', () => {
  const presented = async (name: string): Promise<NodeCertificate> => {
    const authority = await openCertificateAuthority(dir, ports)
    const terminator = await createLeafContexts(authority, ports)
    const secureContext = await terminator.contextFor(name)
    const server = createServer((socket) =>
      new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => {}),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      servername: isIP(name) === 0 ? name : '',
      ca: authority.certificatePem,
      checkServerIdentity: () => undefined,
    })
    await once(client, 'secureConnect')
    expect(client.authorized).toBe(true)
    const leaf = client.getPeerX509Certificate()!
    client.destroy()
    server.close()
    return leaf
  }

  test.each([
    ['api.example.com', 'DNS:api.example.com'],
    [`${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`, `DNS:${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`],
    ['10.1.2.3', 'IP Address:10.1.2.3'],
    ['fd00::1', 'IP Address:FD00:0:0:0:0:0:0:1'],
  ])('%s is named as a client checks it, for at most a day, with the CA in the chain', async (name, san) => {
    const leaf = await presented(name)
    expect(leaf.subjectAltName).toBe(san)
    expect(Date.parse(leaf.validTo) - Date.parse(leaf.validFrom)).toBeLessThanOrEqual(24 * 3_600_000)
    expect(leaf.issuerCertificate?.ca).toBe(true)
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
  })

  test('a name asked for twice at once is minted once, and again when its leaf grows old', async () => {
    let nowMs = systemClock.now()
    const clock = { ...systemClock, now: () => nowMs }
    const terminator = await createLeafContexts(await openCertificateAuthority(dir, ports), { ...ports, clock })
    const [first, second] = await Promise.all([terminator.contextFor('a.test'), terminator.contextFor('a.test')])
    expect(second).toBe(first)
    nowMs += 13 * 3_600_000
    expect(await terminator.contextFor('a.test')).not.toBe(first)
  })
})
