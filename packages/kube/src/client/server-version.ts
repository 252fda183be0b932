import { KubeApiError } from '../errors.ts'
import type { CallOptions, KubeClient } from './kube-client.ts'

export interface ServerVersion {
  readonly major: number
  readonly minor: number
  /** `v1.36.3`, with the distribution's suffix. */
  readonly gitVersion: string
}

/** The version of the API server. Distributions write `30+` for the minor. */
export async function serverVersion(
  client: Pick<KubeClient, 'getPath'>,
  options?: CallOptions,
): Promise<ServerVersion> {
  const answer = (await client.getPath('/version', options)) as Partial<Record<keyof ServerVersion, unknown>> | null
  const major = Number.parseInt(String(answer?.major), 10)
  const minor = Number.parseInt(String(answer?.minor), 10)
  if (Number.isNaN(major) || Number.isNaN(minor) || typeof answer?.gitVersion !== 'string')
    throw new KubeApiError('ERR_KUBE_PROTOCOL', 'version: expected major, minor and gitVersion')
  return { major, minor, gitVersion: answer.gitVersion }
}
