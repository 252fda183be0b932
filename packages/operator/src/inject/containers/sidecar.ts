import { containerNames, serviceAccountFolder } from '@chaperone/api'
import { sidecarPorts } from '@chaperone/guard'
import type { Container, EnvVar } from '../pod.ts'
import { interceptionEnv } from '../proxy-env.ts'
import { credentialVolume, paths, volumeNames, type InjectSettings } from '../settings.ts'
import { restricted } from './restricted.ts'

const fieldEnv = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } })

/**
 * The native sidecar: started before, and stopped after, everything of the agent; it does not keep a Job from completing.
 * Nothing waits for it but verify, without which nothing of the agent starts.
 */
export function sidecarContainer(settings: InjectSettings): Container {
  return {
    name: containerNames.sidecar,
    image: settings.sidecarImage,
    imagePullPolicy: settings.imagePullPolicy,
    restartPolicy: 'Always',
    env: [
      { name: 'CHAPERONE_CONTROL_URL', value: settings.controlUrl },
      { name: 'CHAPERONE_CONTROL_CA', value: settings.controlCa },
      { name: 'CHAPERONE_TOKEN_FILE', value: `${paths.token}/token` },
      { name: 'CHAPERONE_PRIVATE_DIR', value: paths.private },
      { name: 'CHAPERONE_TRUST_DIR', value: paths.trust },
      { name: 'CHAPERONE_AUDIT_DIR', value: paths.audit },
      { name: 'CHAPERONE_AUDIT_MAX_BYTES', value: String(settings.auditMaxBytes) },
      { name: 'CHAPERONE_CREDENTIALS_DIR', value: paths.credentials },
      { name: 'CHAPERONE_VERIFY_DIR', value: paths.verify },
      { name: 'CHAPERONE_VERIFY_PERIOD_SECONDS', value: String(settings.verifyPeriodSeconds) },
      { name: 'CHAPERONE_COLLECTOR_URL', value: settings.collectorUrl },
      { name: 'CHAPERONE_LOG_LEVEL', value: settings.logLevel },
      fieldEnv('CHAPERONE_POD_NAME', 'metadata.name'),
      fieldEnv('CHAPERONE_POD_NAMESPACE', 'metadata.namespace'),
      fieldEnv('CHAPERONE_POD_UID', 'metadata.uid'),
      fieldEnv('CHAPERONE_SERVICE_ACCOUNT', 'spec.serviceAccountName'),
      fieldEnv('CHAPERONE_HOST_IPS', 'status.hostIPs'),
      ...interceptionEnv(settings.interception),
    ],
    ports: [{ name: 'chaperone', containerPort: sidecarPorts.health, protocol: 'TCP' }],
    readinessProbe: { httpGet: { path: '/readyz', port: sidecarPorts.health }, periodSeconds: 10, timeoutSeconds: 5 },
    livenessProbe: {
      httpGet: { path: '/livez', port: sidecarPorts.health },
      periodSeconds: 10,
      failureThreshold: 6,
      timeoutSeconds: 5,
    },
    securityContext: restricted(settings.proxyUid),
    resources: settings.resources,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: volumeNames.private, mountPath: paths.private },
      { name: volumeNames.trust, mountPath: paths.trust },
      { name: volumeNames.audit, mountPath: paths.audit },
      { name: volumeNames.verify, mountPath: paths.verify, readOnly: true },
      { name: volumeNames.token, mountPath: paths.token, readOnly: true },
      ...(settings.serviceAccountToken
        ? [
            {
              name: volumeNames.serviceAccount,
              mountPath: `${paths.credentials}/${serviceAccountFolder}`,
              readOnly: true,
            },
          ]
        : []),
      ...settings.credentialSecrets.map((secret) => ({
        name: credentialVolume(secret),
        mountPath: `${paths.credentials}/${secret}`,
        readOnly: true,
      })),
    ],
  }
}
