import { setting, sidecar, verify, type Forgery } from './forgery.ts'
import type { HostilePod } from './injected-pod.ts'

/** An injected pod whose containers of ours, or what it says of itself, was changed before it was sent; in either mode. */
export const forgedContainers: readonly Forgery[] = [
  [
    'without verify, claiming to be injected',
    'not its first init containers',
    ({ spec }) => (spec.initContainers = spec.initContainers.filter(({ name }) => name !== 'chaperone-verify')),
  ],
  ['with a container of its own first', 'not its first init containers', ({ spec }) => spec.initContainers.reverse()],
  ['without the label of its session', 'metadata.labels', (pod) => delete pod.metadata.labels['chaperone.dev/session']],
  [
    'with another uid in its annotation',
    'metadata.annotations',
    (pod) => (pod.metadata.annotations['chaperone.dev/proxy-uid'] = '1'),
  ],
  ['with a sidecar of another image', 'initContainers[*].image', (pod) => (sidecar(pod).image = 'evil')],
  ['with a verify of another image', 'initContainers[*].image', (pod) => (verify(pod).image = 'evil')],
  [
    'with a sidecar that ends',
    'the sidecar is native',
    (pod) => {
      for (const member of ['restartPolicy', 'livenessProbe', 'readinessProbe'])
        Reflect.deleteProperty(sidecar(pod), member)
    },
  ],
  ['with another program as the sidecar', 'command', (pod) => (sidecar(pod).command = ['node', '-e', ''])],
  ['with arguments for the sidecar', 'command', (pod) => (sidecar(pod).args = ['verify'])],
  ['with another program as verify', 'command', (pod) => (verify(pod).command = ['node', '-e', ''])],
  ['with arguments for verify', 'command', (pod) => (verify(pod).args = ['version'])],
  [
    'that starts without a test',
    'initContainers[*].restartPolicy, lifecycle, livenessProbe',
    (pod) => Reflect.deleteProperty(verify(pod), 'lifecycle'),
  ],
  [
    'with a test at its start that tests nothing',
    'initContainers[*].restartPolicy, lifecycle, livenessProbe',
    (pod) => (verify(pod).lifecycle!.postStart!.exec.command = ['node', '--version']),
  ],
  [
    'that is tested once only',
    'initContainers[*].restartPolicy, lifecycle, livenessProbe',
    (pod) => Reflect.deleteProperty(verify(pod), 'livenessProbe'),
  ],
  [
    'with later tests that test nothing',
    'initContainers[*].restartPolicy, lifecycle, livenessProbe',
    (pod) => (verify(pod).livenessProbe!.exec!.command = ['node', '--version']),
  ],
  [
    'that is tested once a year',
    'initContainers[*].restartPolicy, lifecycle, livenessProbe',
    (pod) => (verify(pod).livenessProbe!.periodSeconds = 31_536_000),
  ],
  ...(['initialDelaySeconds', 'failureThreshold', 'timeoutSeconds', 'terminationGracePeriodSeconds'] as const).map(
    (member) =>
      [
        `with another ${member} of its later tests`,
        'initContainers[*].restartPolicy, lifecycle, livenessProbe',
        (pod: HostilePod) => (verify(pod).livenessProbe![member] = 100),
      ] as const,
  ),
  [
    'with a sidecar that waits a year for the next test',
    'initContainers[*].env',
    (pod) => (setting(sidecar(pod), 'CHAPERONE_VERIFY_PERIOD_SECONDS').value = '31536000'),
  ],
  ...(['readinessProbe', 'startupProbe'] as const).map(
    (probe) =>
      [
        `with a ${probe} that writes reports`,
        'exec',
        (pod: HostilePod) => (verify(pod)[probe] = { exec: { command: ['node', '-e', ''] } }),
      ] as const,
  ),
  ...(['livenessProbe', 'readinessProbe', 'startupProbe'] as const).map(
    (probe) =>
      [
        `with a program of others as the ${probe} of the sidecar`,
        'exec',
        (pod: HostilePod) => (sidecar(pod)[probe] = { exec: { command: ['node', '-e', ''] } }),
      ] as const,
  ),
  ...(
    [
      ['another host', { httpGet: { path: '/readyz', port: 15_021, host: '192.0.2.9' } }],
      ['another port', { httpGet: { path: '/readyz', port: 8080 } }],
      ['a port alone', { tcpSocket: { port: 15_021 } }],
    ] as const
  ).map(
    ([what, probe]) =>
      [
        `with a probe of the sidecar that asks ${what}`,
        'httpGet',
        (pod: HostilePod) => (sidecar(pod).livenessProbe = probe),
      ] as const,
  ),
  [
    'with a port of the node for the sidecar',
    'hostPort',
    (pod) => (sidecar(pod).ports = [{ containerPort: 15_021, hostPort: 15_021 }]),
  ],
  [
    'with a verify that ends',
    'restartPolicy',
    (pod) => {
      for (const member of ['restartPolicy', 'lifecycle', 'livenessProbe']) Reflect.deleteProperty(verify(pod), member)
    },
  ],
  [
    'with a sidecar without seccomp',
    'initContainers[*].securityContext',
    (pod) => (sidecar(pod).securityContext['seccompProfile'] = { type: 'Unconfined' }),
  ],
  [
    'with names resolved by its maker',
    'initContainers[*].env',
    (pod) => sidecar(pod).env.push({ name: 'CHAPERONE_RESOLVE', value: 'a:443:203.0.113.9' }),
  ],
  [
    'with the sidecar blind to its node',
    'initContainers[*].env',
    (pod) =>
      Object.assign(setting(sidecar(pod), 'CHAPERONE_HOST_IPS'), {
        valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } },
      }),
  ],
  [
    'with another folder for keys',
    'initContainers[*].env',
    (pod) => (setting(sidecar(pod), 'CHAPERONE_PRIVATE_DIR').value = '/tmp'),
  ],
  [
    'with a volume over the program of the sidecar',
    'volumeMounts',
    (pod) => sidecar(pod).volumeMounts.push({ name: 'chaperone-trust', mountPath: '/app' }),
  ],
  [
    'with a sidecar that has a capability',
    'initContainers[*].securityContext',
    (pod) => (sidecar(pod).securityContext['capabilities'] = { drop: ['ALL'], add: ['NET_RAW'] }),
  ],
  [
    'with a writable sidecar',
    'initContainers[*].securityContext',
    (pod) => (sidecar(pod).securityContext['readOnlyRootFilesystem'] = false),
  ],
  [
    'with a verify in the place of the sidecar',
    'runAsUser',
    (pod) => (verify(pod).securityContext['runAsUser'] = 424_242),
  ],
  [
    'with options for the sidecar’s Node',
    'initContainers[*].env',
    (pod) => sidecar(pod).env.push({ name: 'NODE_OPTIONS', value: '--inspect' }),
  ],
  [
    'with settings from elsewhere',
    'initContainers[*].env',
    (pod) => Object.assign(sidecar(pod), { envFrom: [{ configMapRef: { name: 'x' } }] }),
  ],
  [
    'with another operator',
    'initContainers[*].env',
    (pod) => (setting(sidecar(pod), 'CHAPERONE_CONTROL_URL').value = 'https://evil'),
  ],
  [
    'with another collector',
    'initContainers[*].env',
    (pod) => (setting(sidecar(pod), 'CHAPERONE_COLLECTOR_URL').value = 'http://evil'),
  ],
  [
    'with two operators',
    'initContainers[*].env',
    (pod) => sidecar(pod).env.push({ name: 'CHAPERONE_CONTROL_URL', value: 'https://evil' }),
  ],
  [
    'with a foreign volume in the sidecar',
    'volumeMounts',
    (pod) => sidecar(pod).volumeMounts.push({ name: 'work', mountPath: '/app' }),
  ],
  [
    'with a hook in the sidecar',
    'lifecycle',
    (pod) => (sidecar(pod).lifecycle = { preStop: { sleep: { seconds: 1 } } }),
  ],
  ...(
    [
      ['the program of verify as the place of its last message', 'terminationMessagePath', '/app/verify.mjs'],
      ['another folder to work in', 'workingDir', '/dev/shm'],
      ['an input', 'stdin', true],
      ['a terminal', 'tty', true],
      ['a policy for its resizing', 'resizePolicy', [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }]],
    ] as const
  ).flatMap(([what, member, value]) =>
    [sidecar, verify].map(
      (of, index) =>
        [
          `with ${what} for ${index === 0 ? 'the sidecar' : 'verify'}`,
          'terminationMessagePath',
          (pod: HostilePod) => Object.assign(of(pod), { [member]: value }),
        ] as const,
    ),
  ),
  [
    'with a sidecar that is never probed',
    'httpGet',
    (pod) => {
      for (const member of ['livenessProbe', 'readinessProbe']) Reflect.deleteProperty(sidecar(pod), member)
    },
  ],
  ...(
    [
      ['the group of root', 'runAsGroup', 0],
      ['another profile of AppArmor', 'appArmorProfile', { type: 'Unconfined' }],
      ['other labels of SELinux', 'seLinuxOptions', { type: 'spc_t' }],
    ] as const
  ).map(
    ([what, member, value]) =>
      [
        `with a verify that has ${what}`,
        'initContainers[*].securityContext',
        (pod: HostilePod) => (verify(pod).securityContext[member] = value),
      ] as const,
  ),
  [
    'with a verify that looks elsewhere for certificates',
    'initContainers[*].env',
    (pod) => (setting(verify(pod), 'CHAPERONE_TRUST_DIR').value = '/dev/shm'),
  ],
  [
    'with a verify that is put to sleep at its end',
    'lifecycle',
    (pod) => (verify(pod).lifecycle!.preStop = { sleep: { seconds: 1 } }),
  ],
  [
    'with a volume over the program of verify',
    'volumeMounts',
    (pod) => verify(pod).volumeMounts.push({ name: 'chaperone-verify', mountPath: '/app' }),
  ],
]
