import { randomUUID, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import 'reflect-metadata'
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'

/** A throw-away certificate authority; nothing of it is ever checked in. */
export interface TestAuthority {
  /** PEM. */
  readonly certificate: string
  /** A server certificate for these names or addresses; PEM. */
  issue(...names: string[]): Promise<{ readonly key: string; readonly certificate: string }>
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 24 * 3_600_000

export async function createTestAuthority(): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const validity = () => ({ notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + dayMs) })
  const authority = await X509CertificateGenerator.createSelfSigned({
    // Two in one bundle are told apart by their names: they have no key identifiers.
    name: `CN=test authority ${randomUUID()}`,
    serialNumber: '01',
    ...validity(),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  })
  let serial = 1
  return {
    certificate: `${authority.toString('pem')}\n`,
    async issue(...names) {
      const leafKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
      const leaf = await X509CertificateGenerator.create({
        subject: `CN=${names[0] ?? ''}`,
        issuer: authority.subject,
        serialNumber: (++serial).toString(16).padStart(4, '0'),
        ...validity(),
        signingAlgorithm: algorithm,
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new SubjectAlternativeNameExtension(
            names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
          ),
        ],
      })
      const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey)).toString('base64')
      return {
        key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
        certificate: `${leaf.toString('pem')}\n`,
      }
    },
  }
}
