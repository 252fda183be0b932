import type { SecurityContext } from '../pod.ts'

/** The security context of our own containers: what PodSecurity `restricted` asks for. */
export function restricted(uid: number): SecurityContext & { capabilities: { drop: string[] } } {
  return {
    runAsUser: uid,
    runAsGroup: uid,
    runAsNonRoot: true,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  }
}
