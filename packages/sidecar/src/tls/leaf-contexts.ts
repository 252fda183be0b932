import { createPrivateKey, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Clock, Random } from '@chaperone/core'
import { backdateMs, ecdsaP256, serialNumber, type CertificateAuthority } from './certificate-authority.ts'
import type { TlsTerminator } from './tls-terminator.ts'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from './x509.ts'

/** Names whose contexts are kept; agents speak to few. */
const maxContexts = 1000
/** All in all no leaf is valid longer than a day. */
const lifetimeMs = 24 * 3_600_000 - backdateMs
/** A context is used for half its leaf's life, so that no connection starts with one about to end. */
const maxAgeMs = lifetimeMs / 2
/** Common names end here (RFC 5280 appendix A, ub-common-name). */
const maxCommonName = 64

interface Entry {
  readonly context: Promise<SecureContext>
  readonly renewAtMs: number
}

/** Mints leaves on demand under one key per process; a name asked for twice at once is minted once. */
export async function createLeafContexts(
  authority: CertificateAuthority,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<TlsTerminator> {
  const keys = await webcrypto.subtle.generateKey(ecdsaP256, true, ['sign', 'verify'])
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const keyPem = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' })
  const constant = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(authority.certificate),
  ]
  const entries = new Map<string, Entry>()

  const mint = async (name: string): Promise<SecureContext> => {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serialNumber(random),
      issuer: authority.certificate.subjectName,
      ...(name.length > maxCommonName ? {} : { subject: [{ CN: [name] }] }),
      notBefore: new Date(clock.now() - backdateMs),
      notAfter: new Date(clock.now() + lifetimeMs),
      signingAlgorithm: ecdsaP256,
      publicKey: keys.publicKey,
      signingKey: authority.key,
      extensions: [
        ...constant,
        // Critical where the subject is empty (RFC 5280 §4.2.1.6).
        new SubjectAlternativeNameExtension(
          [{ type: isIP(name) === 0 ? 'dns' : 'ip', value: name }],
          name.length > maxCommonName,
        ),
      ],
    })
    const chain = `${certificate.toString('pem').trim()}\n${authority.certificatePem}`
    return createSecureContext({ key: keyPem, cert: chain, minVersion: 'TLSv1.2' })
  }

  return {
    contextFor(name) {
      const known = entries.get(name)
      entries.delete(name)
      if (known !== undefined && known.renewAtMs > clock.now()) {
        entries.set(name, known)
        return known.context
      }
      const context = mint(name)
      entries.set(name, { context, renewAtMs: clock.now() + maxAgeMs })
      context.catch(() => entries.delete(name))
      if (entries.size > maxContexts) entries.delete(oldestKey(entries))
      return context
    },
  }
}

/** Maps keep insertion order, and every use inserts anew. */
function oldestKey(entries: ReadonlyMap<string, unknown>): string {
  const [oldest = ''] = entries.keys()
  return oldest
}
