import type { VolumeMount } from './pod.ts'
import { agentTrustPath, volumeNames } from './settings.ts'

/** Where distributions keep the bundle that their libraries read when no variable names another. */
const systemBundles = [
  // Debian, Ubuntu, Alpine, distroless, Arch
  '/etc/ssl/certs/ca-certificates.crt',
  // Red Hat, UBI, Fedora, Amazon Linux
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  // SUSE
  '/etc/ssl/ca-bundle.pem',
  // Alpine, and what LibreSSL and some static builds look for
  '/etc/ssl/cert.pem',
] as const

/**
 * The trust folder, and its bundle over those of the system: many clients read no variable (rustls, GnuTLS, Go under a changed
 * environment). The runtime makes what an image lacks, so that one list serves all; a place that the container mounts something
 * on, or below, is its own.
 */
export function trustMounts(own: readonly VolumeMount[]): VolumeMount[] {
  const taken = takenBundles(own)
  return [
    { name: volumeNames.trust, mountPath: agentTrustPath, readOnly: true },
    ...systemBundles
      .filter((path) => !taken.includes(path))
      .map((mountPath) => ({ name: volumeNames.trust, mountPath, subPath: 'bundle.crt', readOnly: true })),
  ]
}

/** Places of bundles that a container's own mounts cover. */
export function takenBundles(own: readonly VolumeMount[]): string[] {
  return systemBundles.filter((path) =>
    own.some(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath.replace(/\/+$/, '')}/`)),
  )
}
