import { createPrivateKey, webcrypto, type webcrypto as WebCrypto } from 'node:crypto'
import { join } from 'node:path'
import type { Clock, Random } from '@chaperone/core'
import { readIfPresent } from '../files/read-if-present.ts'
import { writeAtomically } from '../files/write-atomically.ts'
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from './x509.ts'

/** The CA of one pod: its key never leaves the sidecar's memory volume. */
export interface CertificateAuthority {
  readonly certificate: X509Certificate
  readonly certificatePem: string
  readonly key: WebCrypto.CryptoKey
}

/** A pod that lives longer than this starts its sidecar anew before the agent's certificates stop working. */
const lifetimeMs = 365 * 24 * 3_600_000
/** Clocks of agents may be behind. */
export const backdateMs = 5 * 60_000
/** Less than this left, and a restart makes a new one. */
const renewBeforeMs = 30 * 24 * 3_600_000

export const ecdsaP256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/**
 * Reads the CA of this pod from `privateDir`, or makes one and keeps it there: a restart of the container must not change
 * what the agent was told to trust.
 */
export async function openCertificateAuthority(
  privateDir: string,
  ports: { readonly clock: Clock; readonly random: Random },
): Promise<CertificateAuthority> {
  const [keyPem, certificatePem] = await Promise.all([
    readIfPresent(join(privateDir, 'ca.key')),
    readIfPresent(join(privateDir, 'ca.crt')),
  ])
  if (keyPem !== undefined && certificatePem !== undefined) {
    const kept = await readAuthority(keyPem, certificatePem)
    if (kept.certificate.notAfter.getTime() - ports.clock.now() > renewBeforeMs) return kept
  }
  const made = await makeAuthority(ports)
  const der = await webcrypto.subtle.exportKey('pkcs8', made.key)
  const pem = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
  })
  // The key first: a certificate without its key would be taken for a broken volume.
  await writeAtomically(join(privateDir, 'ca.key'), pem.toString(), 0o600)
  await writeAtomically(join(privateDir, 'ca.crt'), made.certificatePem, 0o600)
  return made
}

/** 16 random bytes, positive (RFC 5280 §4.1.2.2). */
export function serialNumber(random: Random): string {
  const bytes = random.bytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01
  return Buffer.from(bytes).toString('hex')
}

async function readAuthority(keyPem: string, certificatePem: string): Promise<CertificateAuthority> {
  const der = createPrivateKey(keyPem).export({ format: 'der', type: 'pkcs8' })
  const key = await webcrypto.subtle.importKey('pkcs8', der, ecdsaP256, true, ['sign'])
  return { certificate: new X509Certificate(certificatePem), certificatePem, key }
}

async function makeAuthority({ clock, random }: { clock: Clock; random: Random }): Promise<CertificateAuthority> {
  const keys = await webcrypto.subtle.generateKey(ecdsaP256, true, ['sign', 'verify'])
  const serial = serialNumber(random)
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial,
    // Unique, so that a client that knows several of our CAs finds the right one.
    subject: `CN=Chaperone ${serial.slice(0, 8)}, O=Chaperone`,
    issuer: `CN=Chaperone ${serial.slice(0, 8)}, O=Chaperone`,
    notBefore: new Date(clock.now() - backdateMs),
    notAfter: new Date(clock.now() + lifetimeMs),
    signingAlgorithm: ecdsaP256,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate, certificatePem: `${certificate.toString('pem').trim()}\n`, key: keys.privateKey }
}
