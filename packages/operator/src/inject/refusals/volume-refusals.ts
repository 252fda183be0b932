import { isTokenVolume } from '../agent-container.ts'
import { isReserved, type Volume } from '../pod.ts'

/** Volumes that stay in the pod or hold what the platform keeps for it. Others reach into the node or over the network, past the sidecar. */
const allowedVolumes = [
  'emptyDir',
  'configMap',
  'secret',
  'downwardAPI',
  'projected',
  'persistentVolumeClaim',
  'ephemeral',
] as const
/** All but tokens and certificates that speak for the pod. */
const allowedSources = ['configMap', 'secret', 'downwardAPI', 'clusterTrustBundle'] as const

/** Ours and the automatic token are replaced or removed by injection, and not judged. */
export function volumeRefusals(volumes: readonly Volume[], credentialSecrets: readonly string[]): string[] {
  return volumes.flatMap((volume, index) =>
    isReserved(volume.name) || isTokenVolume(volume.name)
      ? []
      : problemsOf(volume, `spec.volumes[${index}]`, credentialSecrets).map(
          (problem) => `${problem} (volume "${volume.name}")`,
        ),
  )
}

function problemsOf(volume: Volume, field: string, credentialSecrets: readonly string[]): string[] {
  const kind = allowedVolumes.find((known) => volume[known] !== undefined)
  if (kind === undefined) return [`${field}: expected one of ${allowedVolumes.join(', ')}`]
  const credential = (name: unknown): boolean => typeof name === 'string' && credentialSecrets.includes(name)
  if (credential(volume.secret?.secretName))
    return [`${field}.secret.secretName: holds a credential that only the sidecar may read`]
  return (volume.projected?.sources ?? []).flatMap((source, index) => {
    const at = `${field}.projected.sources[${index}]`
    if (!allowedSources.some((known) => source[known] !== undefined))
      return [`${at}: expected one of ${allowedSources.join(', ')}: agents get no token of their service account`]
    return credential(source.secret?.name)
      ? [`${at}.secret.name: holds a credential that only the sidecar may read`]
      : []
  })
}
