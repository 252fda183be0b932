import { createHash, type X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Hashes that certificates are signed with; MD5 and SHA-1 count as SHA-256 (RFC 5929 §4.1). */
const hashes: Readonly<Record<string, string>> = {
  md5: 'sha256',
  sha1: 'sha256',
  sha224: 'sha224',
  sha256: 'sha256',
  sha384: 'sha384',
  sha512: 'sha512',
}

/**
 * The `tls-server-end-point` of a TLS connection. Undefined without TLS, and where the signature of the certificate does
 * not name its hash (Ed25519, RSA-PSS): those servers have no channel binding either, or are not told that we could.
 */
export function channelBindingOf(stream: Socket): Buffer | undefined {
  const certificate = stream instanceof TLSSocket ? stream.getPeerX509Certificate() : undefined
  if (certificate === undefined) return undefined
  return endPointHash(certificate)
}

export function endPointHash(certificate: X509Certificate): Buffer | undefined {
  // Such as `sha256WithRSAEncryption` and `ecdsa-with-SHA384`.
  const named = /(?:^|[-_])(?<hash>md5|sha(?:1|224|256|384|512))(?:with|$)/i.exec(certificate.signatureAlgorithm ?? '')
  const hash = hashes[named?.groups?.['hash']?.toLowerCase() ?? '']
  return hash === undefined ? undefined : createHash(hash).update(certificate.raw).digest()
}
