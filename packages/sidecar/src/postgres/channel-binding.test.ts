import { createHash, webcrypto, X509Certificate } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { X509CertificateGenerator } from '../tls/x509.ts'
import { endPointHash } from './channel-binding.ts'

type Signing = webcrypto.EcKeyGenParams & webcrypto.EcdsaParams

async function selfSigned(signing: Partial<Signing>): Promise<X509Certificate> {
  const signingAlgorithm = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), ...signing } as Signing
  const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])
  const made = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=db.test',
    serialNumber: '01',
    notBefore: new Date('2026-01-01'),
    notAfter: new Date('2036-01-01'),
    signingAlgorithm,
    keys,
  })
  return new X509Certificate(made.toString('pem'))
}

test.each([
  ['sha256', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }],
  ['sha384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }],
  ['sha512', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' }],
  ['sha256', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-1' }],
])('a connection is bound by the %s of a certificate signed with %j', async (hash, algorithm) => {
  const certificate = await selfSigned(algorithm)
  expect(endPointHash(certificate)).toEqual(createHash(hash).update(certificate.raw).digest())
})

test.each([{ name: 'Ed25519' }, { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 }])(
  'a certificate signed with %j binds nothing, for its signature names no hash',
  async (algorithm) => {
    expect(endPointHash(await selfSigned(algorithm))).toBeUndefined()
  },
)
