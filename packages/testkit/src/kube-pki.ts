import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A certificate and its key, both PEM. */
export interface KubeCertificate {
  readonly certificate: string
  readonly key: string
}

/** A throw-away certificate authority for a control plane: serving certificates and users, as kubeadm makes them. */
export interface KubePki {
  readonly ca: KubeCertificate
  /** A client certificate: the API server reads the common name as the user and each organisation as a group. */
  user(name: string, groups: readonly string[]): Promise<KubeCertificate>
  /** A serving certificate for these IP addresses and DNS names. */
  server(commonName: string, addresses: readonly string[], names: readonly string[]): Promise<KubeCertificate>
}

const run = promisify(execFile)
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** Makes the authority with `openssl` (3.0 or later), its files in `directory`. */
export async function createKubePki(directory: string): Promise<KubePki> {
  let issued = 0
  const make = async (subject: string, ...args: readonly string[]): Promise<KubeCertificate> => {
    issued += 1
    const key = join(directory, `issued-${issued}.key`)
    const certificate = join(directory, `issued-${issued}.crt`)
    // Valid from an hour ago would need openssl 3.4; both sides run on one clock.
    await run('openssl', [
      'req',
      '-x509',
      ...newKey,
      '-days',
      '2',
      '-subj',
      subject,
      '-keyout',
      key,
      '-out',
      certificate,
      ...args,
    ])
    return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') }
  }
  const ca = await make('/CN=throw-away-ca', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
  const signed = ['-CA', join(directory, 'issued-1.crt'), '-CAkey', join(directory, 'issued-1.key')]
  const leaf = [
    ...signed,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
    '-addext',
    'keyUsage=critical,digitalSignature',
  ]
  return {
    ca,
    user: (name, groups) =>
      make(
        [...groups.map((group) => `/O=${escaped(group)}`), `/CN=${escaped(name)}`].join(''),
        ...leaf,
        ...['-addext', 'extendedKeyUsage=clientAuth'],
      ),
    server: (commonName, addresses, names) =>
      make(
        `/CN=${escaped(commonName)}`,
        ...leaf,
        ...['-addext', 'extendedKeyUsage=serverAuth', '-addext'],
        `subjectAltName=${[...addresses.map((address) => `IP:${address}`), ...names.map((name) => `DNS:${name}`)].join(',')}`,
      ),
  }
}

/** A private key for signing service account tokens, PEM (SEC 1, from which the API server also reads the public half). */
export function createTokenSigningKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'sec1', format: 'pem' })
    .toString()
}

/** For `-subj`, where `/` and `+` separate attributes. */
function escaped(value: string): string {
  return value.replace(/[\\/+]/g, '\\$&')
}
