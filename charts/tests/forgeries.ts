import type { HostileContainer, HostilePod } from './injected-pod.ts'

const named =
  (name: string) =>
  ({ spec }: HostilePod): HostileContainer =>
    spec.initContainers.find((container) => container.name === name)!
const sidecar = named('chaperone-sidecar')
const verify = named('chaperone-verify')
const setting = (container: HostileContainer, name: string) => container.env.find((each) => each.name === name)!
export const rules = (pod: HostilePod, change: (text: string) => string): void => {
  verify(pod).command![2] = change(verify(pod).command![2]!)
}

/** What it is, what the refusal names, how it is done. */
export type Forgery = readonly [title: string, names: string, change: (pod: HostilePod) => void]

/** An injected pod that was changed before it was sent; in either mode. */
export const forged: readonly Forgery[] = [
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
    'with an agent without seccomp',
    'securityContext.seccompProfile',
    ({ spec }) => delete spec.containers[0]!.securityContext['seccompProfile'],
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
    'with keys kept in a claim',
    'spec.volumes',
    ({ spec }) => {
      spec.volumes = spec.volumes.map((each) =>
        (each as { name: string }).name === 'chaperone-private'
          ? { name: 'chaperone-private', persistentVolumeClaim: { claimName: 'x' } }
          : each,
      )
    },
  ],
  [
    'with the credential of the sidecar as a volume',
    'spec.volumes[*].secret',
    ({ spec }) => spec.volumes.push({ name: 'mine', secret: { secretName: 'orders-db' } }),
  ],
  [
    'with the credential of the sidecar as a variable',
    'secretKeyRef',
    ({ spec }) =>
      spec.containers[0]!.env.push({ name: 'P', valueFrom: { secretKeyRef: { name: 'orders-db', key: 'password' } } }),
  ],
  [
    'with the credential of the sidecar as variables',
    'secretRef',
    ({ spec }) => Object.assign(spec.containers[0]!, { envFrom: [{ secretRef: { name: 'orders-db' } }] }),
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
  ['with a third container of ours', 'prefix chaperone-', ({ spec }) => (spec.containers[0]!.name = 'chaperone-x')],
  ['with a token for every container', 'volumeMounts', ({ spec }) => (spec['automountServiceAccountToken'] = true)],
  [
    'with default capabilities',
    'securityContext.capabilities.drop',
    ({ spec }) => delete spec.containers[0]!.securityContext['capabilities'],
  ],
  [
    'with the chance to gain privileges',
    'securityContext.allowPrivilegeEscalation',
    ({ spec }) => delete spec.containers[0]!.securityContext['allowPrivilegeEscalation'],
  ],
  [
    'with the uid of the sidecar in a container',
    'securityContext.runAsUser',
    ({ spec }) => (spec.containers[0]!.securityContext['runAsUser'] = 424_242),
  ],
  [
    'with the uid of the sidecar for the pod',
    'securityContext.runAsUser',
    ({ spec }) => (spec.securityContext = { runAsUser: 424_242 }),
  ],
  [
    'with the uid of verify in a container',
    'securityContext.runAsUser',
    ({ spec }) => (spec.containers[0]!.securityContext['runAsUser'] = 424_241),
  ],
  [
    'with the uid of verify for the pod',
    'securityContext.runAsUser',
    ({ spec }) => (spec.securityContext = { runAsUser: 424_241 }),
  ],
  [
    'with the keys of the sidecar mounted',
    'volumeMounts',
    ({ spec }) => spec.containers[0]!.volumeMounts.push({ name: 'chaperone-private', mountPath: '/x' }),
  ],
  [
    'with the reports of verify mounted',
    'volumeMounts',
    ({ spec }) => spec.containers[0]!.volumeMounts.push({ name: 'chaperone-verify', mountPath: '/x' }),
  ],
  [
    'with reports from a Secret',
    'spec.volumes',
    ({ spec }) => {
      spec.volumes = spec.volumes.map((each) =>
        (each as { name: string }).name === 'chaperone-verify'
          ? { name: 'chaperone-verify', secret: { secretName: 'x' } }
          : each,
      )
    },
  ],
  [
    'with a volume over the program of verify',
    'volumeMounts',
    (pod) => verify(pod).volumeMounts.push({ name: 'chaperone-verify', mountPath: '/app' }),
  ],
  [
    'with its audit log mounted',
    'volumeMounts',
    ({ spec }) => spec.containers[0]!.volumeMounts.push({ name: 'chaperone-audit', mountPath: '/x', readOnly: true }),
  ],
  [
    'with the trust bundle writable',
    'volumeMounts',
    ({ spec }) => spec.containers[0]!.volumeMounts.push({ name: 'chaperone-trust', mountPath: '/x' }),
  ],
]

/** More where there is a guard. */
export const forgedGuards: readonly Forgery[] = [
  ['without a guard', 'command', (pod) => (verify(pod).command = ['/usr/bin/catatonit', '-P'])],
  ['with a guard that does nothing', 'command', (pod) => (verify(pod).command![1] = ' /bin/true')],
  ['with a guard that may fail', 'command', (pod) => (verify(pod).command![0] = '/usr/lib/execline/bin/foreground')],
  ['with a program of others after the guard', 'command', (pod) => (verify(pod).command![4] = '/usr/local/bin/node')],
  [
    'with a program more between the guard and the wait',
    'command',
    (pod) => verify(pod).command!.splice(4, 0, '/usr/lib/execline/bin/if', ' /usr/sbin/nft', ' flush ruleset', ''),
  ],
  [
    'with a rule more',
    'rule set',
    (pod) => rules(pod, (text) => text.replace('oifname "lo" accept', 'oifname "lo" accept\n    meta skuid 0 accept')),
  ],
  [
    'with an agent that answers on the health port',
    'declared ports',
    (pod) =>
      rules(pod, (text) =>
        text
          .replace(/ {4}tcp sport .*\n/, '')
          .replace(/( {4}meta skuid != \d+ drop)/, '    tcp sport { 80, 15021 } ct direction reply accept\n$1'),
      ),
  ],
  ['with a rule less', 'rule set', (pod) => rules(pod, (text) => text.replace('policy drop', 'policy accept'))],
  ['with the rules for another uid', 'rule set', (pod) => rules(pod, (text) => text.replaceAll('424242', '1000'))],
  [
    'with another verdict on the line of open ports',
    'declared ports',
    (pod) =>
      rules(pod, (text) =>
        text.replace(/(\n {4}tcp dport \{[^}]*\}) accept/, '$1 accept comment "x"; meta skuid 0 accept'),
      ),
  ],
  [
    'with a line of open ports in another chain',
    'rule set',
    (pod) =>
      rules(pod, (text) =>
        text.replace('    oifname "lo" return\n', '    oifname "lo" return\n    tcp dport { 443 } accept\n'),
      ),
  ],
  [
    'with the line of open ports moved',
    'rule set',
    (pod) =>
      rules(pod, (text) => {
        const line = /\n {4}tcp dport \{[^}]*\} accept/.exec(text)![0]
        return text.replace(line, '').replace('policy drop;', `policy drop;${line}`)
      }),
  ],
  [
    'with a volume over the programs of the guard',
    'volumeMounts',
    (pod) => {
      pod.spec.volumes.push({ name: 'chaperone-secret-x', secret: { secretName: 'x' } })
      verify(pod).volumeMounts.push({ name: 'chaperone-secret-x', mountPath: '/usr/sbin' })
    },
  ],
  [
    'with a sidecar that has the capability of the guard',
    'initContainers[*].securityContext',
    (pod) => (sidecar(pod).securityContext['capabilities'] = { drop: ['ALL'], add: ['NET_ADMIN'] }),
  ],
  [
    'with a guard that lacks its capability',
    'initContainers[*].securityContext',
    (pod) => (verify(pod).securityContext['capabilities'] = { drop: ['ALL'] }),
  ],
  [
    'with a guard that has more than NET_ADMIN',
    'initContainers[*].securityContext',
    (pod) => (verify(pod).securityContext['capabilities'] = { drop: ['ALL'], add: ['NET_ADMIN', 'SYS_ADMIN'] }),
  ],
  [
    'with a well-known uid',
    'runAsUser',
    (pod) => {
      sidecar(pod).securityContext['runAsUser'] = 1337
      verify(pod).securityContext['runAsUser'] = 1336
      rules(pod, (text) => text.replaceAll('424242', '1337'))
      pod.metadata.annotations['chaperone.dev/proxy-uid'] = '1337'
    },
  ],
  [
    'that is told of a proxy nobody asked for',
    'initContainers[*].env',
    (pod) => sidecar(pod).env.push({ name: 'CHAPERONE_INTERCEPTION', value: 'Proxy' }),
  ],
  [
    'that claims to be led by a proxy',
    'metadata.labels',
    (pod) => (pod.metadata.labels['chaperone.dev/interception'] = 'Proxy'),
  ],
]

/** More where there is none. */
export const forgedProxies: readonly Forgery[] = [
  [
    'with a verify that may change the network',
    'initContainers[*].securityContext',
    (pod) => (verify(pod).securityContext['capabilities'] = { drop: ['ALL'], add: ['NET_ADMIN'] }),
  ],
  [
    'with rules of its own',
    'command',
    (pod) =>
      (verify(pod).command = [
        '/usr/lib/execline/bin/if',
        ' /usr/sbin/nft',
        ' flush ruleset',
        '',
        '/usr/bin/catatonit',
        '-P',
      ]),
  ],
  [
    'without the label of its mode',
    'metadata.labels',
    (pod) => delete pod.metadata.labels['chaperone.dev/interception'],
  ],
  [
    'whose sidecar waits for a redirect',
    'initContainers[*].env',
    (pod) => (setting(sidecar(pod), 'CHAPERONE_INTERCEPTION').value = 'Transparent'),
  ],
  [
    'whose verify looks elsewhere',
    'initContainers[*].env',
    (pod) => (setting(verify(pod), 'HTTPS_PROXY').value = 'http://203.0.113.9:3128'),
  ],
  [
    'whose agent is not told of the sidecar',
    'told of the sidecar as their proxy',
    ({ spec }) => {
      for (const each of spec.containers) each.env = each.env.filter(({ name }) => name !== 'https_proxy')
    },
  ],
  [
    'with a well-known uid',
    'runAsUser',
    (pod) => {
      sidecar(pod).securityContext['runAsUser'] = 1337
      verify(pod).securityContext['runAsUser'] = 1336
      pod.metadata.annotations['chaperone.dev/proxy-uid'] = '1337'
    },
  ],
]
