import { controlAudience } from '@chaperone/api'
import type { Volume } from './pod.ts'
import { credentialVolume, volumeNames, type InjectSettings } from './settings.ts'

/** Ten minutes is the least that the kubelet grants, and the most that a stolen token is good for. */
const tokenSeconds = 600

/** Keys, bundles and reports fit many times over. */
const memoryLimit = '16Mi'

/** What the service account admission plug-in would give to every container. */
const serviceAccountVolume: Volume = {
  name: volumeNames.serviceAccount,
  projected: {
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
  },
}

export function ourVolumes(settings: InjectSettings): Volume[] {
  return [
    { name: volumeNames.private, emptyDir: { medium: 'Memory', sizeLimit: memoryLimit } },
    { name: volumeNames.trust, emptyDir: { medium: 'Memory', sizeLimit: memoryLimit } },
    { name: volumeNames.verify, emptyDir: { medium: 'Memory', sizeLimit: memoryLimit } },
    { name: volumeNames.audit, emptyDir: { sizeLimit: String(settings.auditMaxBytes * 2) } },
    {
      name: volumeNames.token,
      projected: {
        sources: [
          { serviceAccountToken: { path: 'token', audience: controlAudience, expirationSeconds: tokenSeconds } },
        ],
      },
    },
    ...(settings.serviceAccountToken ? [serviceAccountVolume] : []),
    ...settings.credentialSecrets.map((secretName) => ({
      name: credentialVolume(secretName),
      secret: { secretName, optional: true },
    })),
  ]
}
