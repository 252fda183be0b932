import { containerNames } from '@chaperone/api'
import type { Container, Probe } from '../pod.ts'
import { interceptionEnv, verifyProxyEnv } from '../proxy-env.ts'
import { agentTrustPath, paths, volumeNames, type InjectSettings } from '../settings.ts'
import { restricted } from './restricted.ts'

/** Longer than every check may take, one after the other. */
const timeoutSeconds = 15

/** Tries to escape with the agent's privileges, and fails when it could; without a guard, looks whether clients are led to the sidecar. */
const selfTest: Probe = { exec: { command: ['node', '/app/verify.mjs'] }, timeoutSeconds }

/**
 * The last container of ours tests the pod: before anything of the agent starts, and then on a schedule. The kubelet runs
 * the test, as a probe; in between there is no more than a process that waits for the end.
 */
export function verifyContainer(settings: InjectSettings): Container {
  return {
    name: containerNames.verify,
    image: settings.sidecarImage,
    imagePullPolicy: settings.imagePullPolicy,
    restartPolicy: 'Always',
    command: ['/usr/bin/catatonit', '-P'],
    env: [
      { name: 'CHAPERONE_TRUST_DIR', value: agentTrustPath },
      { name: 'CHAPERONE_VERIFY_DIR', value: paths.verify },
      ...interceptionEnv(settings.interception),
      ...verifyProxyEnv(settings.interception),
    ],
    startupProbe: { ...selfTest, periodSeconds: 1, failureThreshold: 10 },
    // One failure is enough: the pod is not ready until a test passes, and the kubelet tries again at its next look.
    readinessProbe: { ...selfTest, periodSeconds: settings.verifyPeriodSeconds, failureThreshold: 1 },
    // One below the proxy's: any uid but the exempt one is in the position of the agent.
    securityContext: restricted(settings.proxyUid - 1),
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '128Mi' } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: volumeNames.trust, mountPath: agentTrustPath, readOnly: true },
      { name: volumeNames.verify, mountPath: paths.verify },
    ],
  }
}
