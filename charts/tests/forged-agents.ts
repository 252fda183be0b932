import { type Forgery } from './forgery.ts'

/** An injected pod whose agent or volumes were changed before it was sent; in either mode. */
export const forgedAgents: readonly Forgery[] = [
  [
    'with an agent without seccomp',
    'securityContext.seccompProfile',
    ({ spec }) => delete spec.containers[0]!.securityContext['seccompProfile'],
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
  ...(
    [
      ['the sidecar', 424_242],
      ['verify', 424_241],
    ] as const
  ).flatMap(([whose, runAsUser]): Forgery[] => [
    [
      `with the uid of ${whose} in a container`,
      'securityContext.runAsUser',
      ({ spec }) => (spec.containers[0]!.securityContext['runAsUser'] = runAsUser),
    ],
    [
      `with the uid of ${whose} for the pod`,
      'securityContext.runAsUser',
      ({ spec }) => (spec.securityContext = { runAsUser }),
    ],
  ]),
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
