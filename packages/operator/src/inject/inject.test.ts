import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { inject, isInjected } from './inject.ts'
import type { Container, Pod, VolumeMount } from './pod.ts'
import { credentialVolume, type InjectSettings } from './settings.ts'

const settings: InjectSettings = {
  sidecarImage: 'chaperone-sidecar:1',
  imagePullPolicy: 'IfNotPresent',
  controlUrl: 'https://chaperone-control.chaperone-system.svc:8443',
  controlCa: 'PEM',
  collectorUrl: 'http://chaperone-collector.chaperone-system.svc:4318/v1/logs',
  logLevel: 'info',
  resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
  auditMaxBytes: 268435456,
  verifyPeriodSeconds: 300,
  interception: 'Transparent',
  proxyUid: 424242,
  session: { name: 'devin', uid: 'u-1', policyHash: 'h' },
  credentialSecrets: ['orders-db'],
  serviceAccountToken: false,
}

const agent: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'agent', labels: { app: 'devin' } },
  spec: {
    futureField: { kept: true },
    initContainers: [{ name: 'setup', image: 'busybox' }],
    containers: [
      {
        name: 'main',
        image: 'agent:1',
        env: [{ name: 'SSL_CERT_FILE', value: '/mine' }],
        ports: [{ containerPort: 8080 }],
        volumeMounts: [{ name: 'kube-api-access-x', mountPath: '/var/run/secrets' }],
      },
    ],
    volumes: [
      { name: 'kube-api-access-x', projected: {} },
      { name: 'work', emptyDir: {} },
    ],
  },
}

describe('inject', () => {
  const injected = inject(agent, settings)

  test('sidecar and verify come before every container of the user', () => {
    expect(injected.spec.initContainers?.map((container) => container.name)).toEqual([
      'chaperone-sidecar',
      'chaperone-verify',
      'setup',
    ])
    expect(isInjected(injected)).toBe(true)
    expect(isInjected(agent)).toBe(false)
  })

  test('the sidecar is native: it restarts always and does not keep a Job from completing', () => {
    expect(injected.spec.initContainers?.[0]?.restartPolicy).toBe('Always')
  })

  test('verify puts the guard up without root and with NET_ADMIN alone, then waits, and is tested', () => {
    const verify = injected.spec.initContainers?.[1]
    expect(verify).toMatchObject({
      command: [
        '/usr/lib/execline/bin/if',
        ' /usr/sbin/nft',
        expect.stringMatching(/^ add table [^]*skuid 424242/),
        '',
        '/usr/bin/catatonit',
        '-P',
      ],
      lifecycle: { postStart: { exec: { command: ['node', '/app/verify.mjs'] } } },
      livenessProbe: { exec: { command: ['node', '/app/verify.mjs', 'again'] }, failureThreshold: 1 },
      securityContext: { runAsNonRoot: true, capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } },
    })
    expect((verify?.['command'] as string[])[2]).toContain('{ 15021, 8080 }')
  })

  test('the node reaches what probes and hooks name, declared or not', () => {
    const [main] = agent.spec.containers
    const handlers: Partial<Container> = {
      livenessProbe: { grpc: { port: 5001 } },
      readinessProbe: { tcpSocket: { port: 5002 } },
      startupProbe: { httpGet: { port: 5003 } },
      lifecycle: { postStart: { httpGet: { port: 5004 } }, preStop: { tcpSocket: { port: 5005 } } },
    }
    const { initContainers } = inject({ ...agent, spec: { containers: [{ ...main!, ...handlers }] } }, settings).spec
    expect((initContainers?.[1]?.['command'] as string[])[2]).toContain('{ 15021, 5001, 5002, 5003, 5004, 5005, 8080 }')
  })

  test('agents have no capability, cannot gain one, and see the trust bundle read-only', () => {
    for (const container of [...injected.spec.containers, injected.spec.initContainers![2]!]) {
      expect(container.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      })
      expect(container.volumeMounts).toContainEqual({
        name: 'chaperone-trust',
        mountPath: '/etc/chaperone/trust',
        readOnly: true,
      })
      for (const mount of container.volumeMounts!)
        expect(mount).toMatchObject({ name: 'chaperone-trust', readOnly: true })
    }
  })

  test('agents get no Kubernetes token', () => {
    expect(JSON.stringify(injected)).not.toContain('kube-api-access-x')
    expect(injected.spec['automountServiceAccountToken']).toBe(false)
  })

  test('a variable that the container sets itself is kept', () => {
    const env = injected.spec.containers[0]!.env!
    expect(env.filter((variable) => variable.name === 'SSL_CERT_FILE')).toEqual([
      { name: 'SSL_CERT_FILE', value: '/mine' },
    ])
    expect(env).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/chaperone/trust/ca.crt' })
  })

  test('the bundle lies over those of the system, but not where the container has mounts of its own', () => {
    const mountPaths = (volumeMounts: VolumeMount[]) =>
      inject(
        { ...agent, spec: { ...agent.spec, containers: [{ ...agent.spec.containers[0]!, volumeMounts }] } },
        settings,
      ).spec.containers[0]!.volumeMounts!.map(({ mountPath }) => mountPath)
    expect(mountPaths([])).toEqual(
      expect.arrayContaining(['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt']),
    )
    expect(
      mountPaths([{ name: 'work', mountPath: '/etc/ssl/' }]).filter((path) => path.startsWith('/etc/ssl')),
    ).toEqual(['/etc/ssl/'])
  })

  test('only the sidecar mounts credentials, keys, the token and the log', () => {
    const mounts = (name: string) =>
      [...injected.spec.initContainers!, ...injected.spec.containers]
        .filter((container) => container.volumeMounts?.some((mount) => mount.name === name))
        .map((container) => container.name)
    for (const volume of ['chaperone-private', 'chaperone-audit', 'chaperone-token', credentialVolume('orders-db')])
      expect(mounts(volume)).toEqual(['chaperone-sidecar'])
  })

  test('where a rule presents the token of the service account, the sidecar has it and the agent a placeholder', () => {
    const withToken = inject(agent, { ...settings, serviceAccountToken: true })
    const [sidecar] = withToken.spec.initContainers!
    expect(sidecar!.volumeMounts).toContainEqual({
      name: 'chaperone-service-account',
      mountPath: '/var/run/chaperone/credentials/_service-account',
      readOnly: true,
    })
    const [main] = withToken.spec.containers
    expect(main!.volumeMounts).toContainEqual({
      name: 'chaperone-trust',
      subPath: 'serviceaccount',
      mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
      readOnly: true,
    })
    expect(main!.env).toContainEqual({ name: 'KUBERNETES_SERVICE_HOST', value: 'kubernetes.default.svc' })
    expect(inject(withToken, { ...settings, serviceAccountToken: true })).toEqual(withToken)
  })

  test('every Secret has a volume of its own, whatever its name', () => {
    const names = ['a.b', 'a-b', `${'x'.repeat(60)}1`, `${'x'.repeat(60)}2`].map(credentialVolume)
    expect(new Set(names).size).toBe(4)
    for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
  })

  test('fields that injection does not know pass through', () => {
    expect(injected.spec['futureField']).toEqual({ kept: true })
  })

  test('injecting twice gives what injecting once gives, also with other settings in between', () => {
    expect(inject(injected, settings)).toEqual(injected)
    expect(inject(inject(agent, { ...settings, proxyUid: 99999999, credentialSecrets: [] }), settings)).toEqual(
      injected,
    )
  })

  test('whatever a user puts under our names is replaced', () => {
    const name = fc.constantFrom('chaperone-sidecar', 'chaperone-verify', 'chaperone-private')
    fc.assert(
      fc.property(fc.array(name), fc.array(name), (containers, mounts) => {
        const hostile: Pod = {
          ...agent,
          spec: {
            ...agent.spec,
            initContainers: [
              ...containers.map((each) => ({ name: each, image: 'evil' })),
              ...agent.spec.initContainers!,
            ],
            containers: [
              { ...agent.spec.containers[0]!, volumeMounts: mounts.map((each) => ({ name: each, mountPath: '/x' })) },
            ],
          },
        }
        const result = inject(hostile, settings)
        expect(result.spec.initContainers).toEqual(injected.spec.initContainers)
        expect(result.spec.containers[0]!.volumeMounts).toEqual(injected.spec.containers[0]!.volumeMounts)
      }),
    )
  })
})

describe('inject in mode Proxy', () => {
  const proxied: InjectSettings = { ...settings, interception: 'Proxy' }
  const injected = inject(agent, proxied)
  const url = 'http://127.0.0.1:15002'
  const valuesOf = (name: string, pod = injected) =>
    [...pod.spec.initContainers!.slice(2), ...pod.spec.containers].map(
      ({ env }) => env?.filter((each) => each.name === name).map(({ value }) => value) ?? [],
    )

  test('there is no guard, and nothing of ours has a capability', () => {
    expect(injected.spec.initContainers?.map(({ name }) => name)).toEqual([
      'chaperone-sidecar',
      'chaperone-verify',
      'setup',
    ])
    expect(isInjected(injected)).toBe(true)
    expect(JSON.stringify(injected)).not.toContain('NET_ADMIN')
  })

  test('the pod says so, and only then: no pod chooses for itself', () => {
    const label = { 'chaperone.dev/interception': 'Proxy' }
    expect(injected.metadata.labels).toMatchObject(label)
    const chooser = { ...agent, metadata: { ...agent.metadata, labels: { ...agent.metadata.labels, ...label } } }
    expect(inject(chooser, settings)).toEqual(inject(agent, settings))
    expect(inject(chooser, settings).metadata.labels).not.toMatchObject(label)
  })

  test.each(['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'])(
    'every container of the agent is told of the sidecar by %s, once',
    (name) => {
      expect(valuesOf(name)).toEqual([[url], [url]])
    },
  )

  test('Node reads them, and servers of the agent need no proxy', () => {
    expect(valuesOf('NODE_USE_ENV_PROXY')).toEqual([['1'], ['1']])
    expect(valuesOf('no_proxy')[0]?.[0]?.split(',')).toEqual(['localhost', '127.0.0.1', '::1'])
  })

  test('Java is told of it too, beside its options', () => {
    const env = [{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx64m' }]
    const java = inject({ ...agent, spec: { containers: [{ name: 'main', env }] } }, proxied)
    expect(valuesOf('JAVA_TOOL_OPTIONS', java)).toEqual([
      [expect.stringMatching(/^-Xmx64m .*trustStore=.* -Dhttps\.proxyHost=127\.0\.0\.1 -Dhttps\.proxyPort=15002$/)],
    ])
    expect(inject(java, proxied)).toEqual(java)
  })

  test('sidecar and verify know that there is no redirect', () => {
    for (const container of injected.spec.initContainers!.slice(0, 2))
      expect(container.env).toContainEqual({ name: 'CHAPERONE_INTERCEPTION', value: 'Proxy' })
    expect(injected.spec.initContainers![1]!.env).toContainEqual({ name: 'HTTPS_PROXY', value: url })
    expect(JSON.stringify(inject(agent, settings))).not.toMatch(/PROXY|INTERCEPTION/)
  })

  test('injecting twice gives what injecting once gives, also where there was a guard in between', () => {
    expect(inject(injected, proxied)).toEqual(injected)
    expect(inject(inject(agent, settings), proxied)).toEqual(injected)
  })
})
