import { containerNames } from '@chaperone/api'
import { podRules } from '@chaperone/guard'
import type { Container } from '../pod.ts'
import { interceptionEnv, verifyProxyEnv } from '../proxy-env.ts'
import { agentTrustPath, paths, volumeNames, type InjectSettings } from '../settings.ts'
import { restricted } from './restricted.ts'

/** Longer than every check may take, one after the other. */
const timeoutSeconds = 15

/** Tries to escape with the agent's privileges, and fails when it could; without a guard, looks whether clients are led to the sidecar. */
const selfTest = ['node', '/app/verify.mjs']
/** Ends at SIGTERM, and does nothing before. */
const wait = ['/usr/bin/catatonit', '-P']

/**
 * The last container of ours puts the guard up and proves it. Its first process applies the rules and then only waits,
 * without any capability; the kubelet runs the test: before anything of the agent starts, and then on a schedule. A test
 * that fails restarts the container, which puts the guard up again.
 */
export function verifyContainer(settings: InjectSettings, inboundPorts: readonly number[]): Container {
  const isGuarded = settings.interception === 'Transparent'
  // One below the proxy's: any uid but the exempt one is in the position of the agent.
  const securityContext = restricted(settings.proxyUid - 1)
  return {
    name: containerNames.verify,
    image: settings.sidecarImage,
    imagePullPolicy: settings.imagePullPolicy,
    restartPolicy: 'Always',
    command: isGuarded ? putUp(podRules({ proxyUid: settings.proxyUid, inboundPorts })) : wait,
    env: [
      { name: 'CHAPERONE_TRUST_DIR', value: agentTrustPath },
      { name: 'CHAPERONE_VERIFY_DIR', value: paths.verify },
      ...interceptionEnv(settings.interception),
      ...verifyProxyEnv(settings.interception),
    ],
    // Not a startup probe: the kubelet would look once in a second, and go on with the next of its rounds.
    lifecycle: { postStart: { exec: { command: selfTest } } },
    livenessProbe: {
      exec: { command: [...selfTest, 'again'] },
      periodSeconds: settings.verifyPeriodSeconds,
      failureThreshold: 1,
      timeoutSeconds,
    },
    securityContext: isGuarded
      ? { ...securityContext, capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } }
      : securityContext,
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '128Mi' } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: volumeNames.trust, mountPath: agentTrustPath, readOnly: true },
      { name: volumeNames.verify, mountPath: paths.verify },
    ],
  }
}

/**
 * `if { nft RULES } catatonit -P`, by execline: rules that do not apply end the container. Both programs carry the file
 * capability, so that this needs no root, no shell and no Node; what comes after them has lost it, for no process of the
 * container may gain a privilege by running a program.
 */
function putUp(rules: string): string[] {
  return ['/usr/lib/execline/bin/if', ' /usr/sbin/nft', ` ${rules}`, '', ...wait]
}
