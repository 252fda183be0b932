import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import type { AgentSession, EffectivePolicy } from '@chaperone/api'
import { createFakeClock } from '@chaperone/testkit'
import { isInjected } from '../inject/inject.ts'
import type { Pod } from '../inject/pod.ts'
import { applyPatch } from '../../test/apply-patch.ts'
import type { PodHandlerPorts } from './pod-handler.ts'
import { admissionPaths, createAdmissionRoutes } from './routes.ts'
import { workloadKinds } from './workload-handler.ts'

const devin = {
  metadata: { name: 'devin', namespace: 'agents', uid: 'session-1' },
  spec: { agent: { name: 'devin' }, selector: { matchLabels: { app: 'devin' } }, serviceAccounts: ['default'] },
} as unknown as AgentSession
const policy = {
  session: { namespace: 'agents', name: 'devin', uid: 'session-1' },
  hash: 'h',
  tiers: [
    [
      {
        source: 'AgentSession/devin',
        rules: [
          { credential: { secretRef: { name: 'orders-db' } } },
          { credential: { secretRef: { name: 'github' } } },
          { credential: { secretRef: { name: 'orders-db' } } },
          {},
        ],
      },
    ],
  ],
} as unknown as EffectivePolicy
const pod = (change: { labels?: object; spec?: object } = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'agent', labels: change.labels ?? { app: 'devin' } },
    spec: { containers: [{ name: 'main' }], ...change.spec },
  }) as Pod

interface Answered {
  readonly allowed: boolean
  readonly status?: { readonly code: number; readonly message: string }
  readonly patch?: string
  readonly warnings?: readonly string[]
}

function setUp(change: Partial<PodHandlerPorts> = {}) {
  const clock = createFakeClock(Date.parse('2026-01-01T12:00:00Z'))
  const routes = createAdmissionRoutes({
    clock,
    log: pino({ level: 'silent' }),
    synced: () => true,
    sessions: () => [devin],
    freshSessions: () => Promise.resolve([devin]),
    namespaceLabels: () => Promise.resolve({ 'chaperone.dev/injection': 'enabled' }),
    effectivePolicy: () => policy,
    settings: () => ({
      sidecarImage: 'sidecar:1',
      imagePullPolicy: 'IfNotPresent',
      controlUrl: 'https://control',
      controlCa: 'PEM',
      collectorUrl: 'http://collector',
      logLevel: 'info',
      resources: { requests: {}, limits: {} },
      auditMaxBytes: 1,
      verifyPeriodSeconds: 300,
    }),
    drawUid: () => 424242,
    ...change,
  })
  const review = async (path: string, kind: string, request: object): Promise<Answered> => {
    const body = JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'r-1',
        kind: { group: '', version: 'v1', kind },
        operation: 'CREATE',
        namespace: 'agents',
        userInfo: { username: 'ada' },
        oldObject: null,
        ...request,
      },
    })
    const { status, body: text } = await routes(path, body)
    expect(status).toBe(200)
    const answer = JSON.parse(text) as { apiVersion: string; kind: string; response: Answered & { uid: string } }
    expect(answer).toMatchObject({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: 'r-1' },
    })
    return answer.response
  }
  return { clock, routes, review, pods: (object: unknown) => review(admissionPaths.pods, 'Pod', { object }) }
}
const refused = (message: string | RegExp) => ({
  allowed: false,
  status: { code: 403, reason: 'Forbidden', message: expect.stringMatching(message) },
})

describe('a review', () => {
  test('of a pod that a session selects comes back injected, with the secrets of its rules mounted once', async () => {
    const { pods } = setUp()
    const answer = await pods(pod())
    const injected = applyPatch(pod(), answer)
    expect(answer.allowed && isInjected(injected)).toBe(true)
    expect(
      injected.spec.volumes?.flatMap(
        (volume) => (volume['secret'] as { secretName?: string } | undefined)?.secretName ?? [],
      ),
    ).toEqual(['github', 'orders-db'])
  })

  test('of a pod that no session selects passes, unless the namespace requires injection', async () => {
    const stranger = pod({ labels: { app: 'web' } })
    expect(await setUp().pods(stranger)).toEqual({ uid: 'r-1', allowed: true })
    const required = setUp({ namespaceLabels: () => Promise.resolve({ 'chaperone.dev/injection': 'required' }) })
    expect(await required.pods(stranger)).toMatchObject(refused('no AgentSession selects this pod'))
  })

  test('of a pod right after its session, which the watch has not seen yet, comes back injected', async () => {
    const { pods } = setUp({ sessions: () => [] })
    expect((await pods(pod())).patch).toBeDefined()
    expect((await pods(pod({ labels: { 'chaperone.dev/session': 'devin' } }))).patch).toBeDefined()
  })

  test('of a pod that cannot be contained, or that is under another account, is refused', async () => {
    const { pods } = setUp()
    expect(await pods(pod({ spec: { hostNetwork: true } }))).toMatchObject(refused('spec.hostNetwork'))
    expect(await pods(pod({ spec: { serviceAccountName: 'admin' } }))).toMatchObject(refused('spec.serviceAccountName'))
  })

  describe('in a namespace that', () => {
    const interception = 'chaperone.dev/interception'
    const enforce = 'pod-security.kubernetes.io/enforce'
    const inNamespace = (more: Record<string, string>) =>
      setUp({ namespaceLabels: () => Promise.resolve({ 'chaperone.dev/injection': 'enabled', ...more }) })
    const firstProgramOfVerify = async (more: Record<string, string>) =>
      (applyPatch(pod(), await inNamespace(more).pods(pod())).spec.initContainers?.[1]?.['command'] as string[])[0]

    test('chooses mode Proxy, a pod has no guard; in any other it has one', async () => {
      expect(await firstProgramOfVerify({ [interception]: 'Proxy' })).toBe('/usr/bin/catatonit')
      expect(await firstProgramOfVerify({ [interception]: 'Transparent' })).toBe('/usr/lib/execline/bin/if')
      expect(await firstProgramOfVerify({})).toBe('/usr/lib/execline/bin/if')
    })

    test.each(['proxy', 'None', ''])('chooses a mode that there is not, %j, a pod is refused', async (value) => {
      expect(await inNamespace({ [interception]: value }).pods(pod())).toMatchObject(
        refused('namespace "agents": label chaperone.dev/interception: expected Transparent or Proxy'),
      )
    })

    test.each(['baseline', 'restricted'])(
      'enforces %s, a pod with a guard is refused by a way out',
      async (standard) => {
        expect(await inNamespace({ [enforce]: standard }).pods(pod())).toMatchObject(
          refused(new RegExp(`standard ${standard}.*kubectl label namespace agents ${interception}=Proxy`)),
        )
        expect((await inNamespace({ [enforce]: standard, [interception]: 'Proxy' }).pods(pod())).allowed).toBe(true)
        expect((await inNamespace({ [enforce]: 'privileged' }).pods(pod())).allowed).toBe(true)
        expect(await inNamespace({ [enforce]: standard }).pods(pod({ labels: { app: 'web' } }))).toMatchObject({
          allowed: true,
        })
      },
    )

    test('chooses mode Proxy, a pod with a proxy of its own is refused by the field', async () => {
      const containers = [{ name: 'main', env: [{ name: 'HTTPS_PROXY', value: 'http://mine' }] }]
      expect(await inNamespace({ [interception]: 'Proxy' }).pods(pod({ spec: { containers } }))).toMatchObject(
        refused('spec.containers\\[0\\].env\\[0\\]'),
      )
    })
  })

  test('of a pod before the sessions have been read is refused, to be retried', async () => {
    expect(await setUp({ synced: () => false }).pods(pod())).toMatchObject(refused('retry'))
  })

  test('draws another uid as long as something in the pod runs as it, or just above it', async () => {
    const draws = [1001, 1002, 1003, 5000]
    const { pods } = setUp({ drawUid: () => draws.shift() ?? 0 })
    const taken = pod({
      spec: {
        securityContext: { runAsUser: 1001 },
        containers: [{ name: 'main', securityContext: { runAsUser: 1003 } }],
      },
    })
    const injected = applyPatch(taken, await pods(taken))
    expect(injected.spec.initContainers?.[0]?.securityContext?.runAsUser).toBe(5000)
  })

  test.each([
    ['nothing', null],
    ['a pod without a spec', { metadata: pod().metadata }],
    ['a pod whose containers are no list', { metadata: pod().metadata, spec: { containers: 'x' } }],
    ['a string', 'pod'],
  ])('of %s is refused, never let through', async (_, object) => {
    expect((await setUp().pods(object)).allowed).toBe(false)
  })

  test('whose look-up fails is refused without saying why to the caller', async () => {
    const { pods } = setUp({ namespaceLabels: () => Promise.reject(new Error('10.0.0.1 is away')) })
    const answer = await pods(pod({ labels: {} }))
    expect(answer).toMatchObject(refused('internal error'))
    expect(JSON.stringify(answer)).not.toContain('10.0.0.1')
  })

  test.each(Object.values(admissionPaths))('of a kind that %s does not judge is refused by name', async (path) => {
    expect(await setUp().review(path, 'ConfigMap', { object: {} })).toMatchObject(
      refused('^chaperone: kind: .* and nothing else$'),
    )
  })

  test.each([
    '',
    '{',
    '[]',
    '{}',
    'null',
    '{"kind":"AdmissionReview"}',
    '{"kind":"AdmissionReview","request":{"uid":5}}',
    '{"kind":"Pod","request":{"uid":"u"}}',
  ])('that is none, %j, is a bad request', async (body) => {
    expect((await setUp().routes(admissionPaths.pods, body)).status).toBe(400)
  })

  test('at a path that is no webhook is not found', async () => {
    expect((await setUp().routes('/mutate/secrets', '{}')).status).toBe(404)
  })
})

describe('a workload', () => {
  const workload = (kind: string, template: object, metadata: object = {}) =>
    kind === 'CronJob' ? { metadata, spec: { jobTemplate: { spec: { template } } } } : { metadata, spec: { template } }
  const judge = (kind: string, object: object, change: Partial<PodHandlerPorts> = {}) =>
    setUp(change).review(admissionPaths.workloads, kind, { object })
  const hopeless = pod({ spec: { hostNetwork: true } })
  const required = { namespaceLabels: () => Promise.resolve({ 'chaperone.dev/injection': 'required' }) }

  test.each(workloadKinds)('of kind %s whose pods a session selects and cannot contain is refused', async (kind) => {
    const field = kind === 'CronJob' ? 'spec.jobTemplate.spec.template' : 'spec.template'
    expect(await judge(kind, workload(kind, hopeless))).toMatchObject(
      refused(`^chaperone: the pods of this ${kind} cannot be contained: ${field}\\.spec\\.hostNetwork: `),
    )
    expect(await judge(kind, workload(kind, pod()))).toEqual({ uid: 'r-1', allowed: true })
  })

  test('whose pods no session selects is let in with a warning that says what becomes of them', async () => {
    const stranger = workload('Deployment', pod({ labels: { app: 'web' }, spec: { hostNetwork: true } }))
    expect(await judge('Deployment', stranger)).toEqual({
      uid: 'r-1',
      allowed: true,
      warnings: [expect.stringMatching(/^chaperone: no AgentSession selects .*metadata\.labels.* not injected$/)],
    })
    expect((await judge('Deployment', stranger, required)).warnings).toEqual([expect.stringMatching(/are refused$/)])
  })

  test('whose template has no labels at all is warned of as well', async () => {
    const answer = await judge('Job', workload('Job', { spec: { containers: [{ name: 'main' }] } }))
    expect([answer.allowed, answer.warnings]).toEqual([true, [expect.stringContaining('no AgentSession selects')]])
  })

  test('that is applied before its session, or under another account, is let in with a warning', async () => {
    const early = workload('Deployment', pod({ labels: { 'chaperone.dev/session': 'soon' } }))
    const other = workload('Deployment', pod({ spec: { serviceAccountName: 'admin' } }))
    for (const [object, words] of [
      [early, '"soon" does not exist'],
      [other, 'spec.serviceAccountName: "admin"'],
    ] as const)
      expect(await judge('Deployment', object)).toEqual({
        uid: 'r-1',
        allowed: true,
        warnings: [expect.stringContaining(words)],
      })
  })

  test('whose pods keep trust of their own is let in with a warning', async () => {
    const own = [{ name: 'main', env: [{ name: 'SSL_CERT_FILE', value: '/mine' }] }]
    const { allowed, warnings } = await judge('Job', workload('Job', pod({ spec: { containers: own } })))
    expect([allowed, warnings]).toEqual([
      true,
      [expect.stringMatching(/^chaperone: spec\.template\.spec\.containers\[0\]\.env: kept SSL_CERT_FILE: /)],
    ])
  })

  test('that a controller makes of another one warns nobody', async () => {
    const owned = { ownerReferences: [{ kind: 'Deployment', name: 'web', controller: true }] }
    expect(await judge('ReplicaSet', workload('ReplicaSet', pod({ labels: {} }), owned))).toEqual({
      uid: 'r-1',
      allowed: true,
    })
  })

  test('that cannot be judged is let in with a warning', async () => {
    const freshSessions = () => Promise.reject(new Error('no answer'))
    const stranger = workload('Deployment', pod({ labels: { app: 'web' } }))
    expect(await judge('Deployment', stranger, { freshSessions })).toEqual({
      uid: 'r-1',
      allowed: true,
      warnings: [expect.stringContaining('not judged, internal error')],
    })
  })

  test('passes before the sessions have been read: its pods do not', async () => {
    expect(await judge('Job', workload('Job', hopeless), { synced: () => false })).toEqual({
      uid: 'r-1',
      allowed: true,
    })
  })
})

describe('a session', () => {
  const object = { metadata: {}, spec: { agent: { name: 'devin' } } }

  test('without an owner gets its creator; with one it keeps it', async () => {
    const { review } = setUp()
    const answer = await review(admissionPaths.sessions, 'AgentSession', { object })
    expect(applyPatch<object>(object, answer)).toEqual({
      metadata: {},
      spec: { agent: { name: 'devin', owner: 'ada' } },
    })
    const owned = { ...object, spec: { agent: { name: 'devin', owner: 'grace' } } }
    expect(await review(admissionPaths.sessions, 'AgentSession', { object: owned })).toEqual({
      uid: 'r-1',
      allowed: true,
    })
  })
})

describe('a decision', () => {
  const waiting = { metadata: { name: 'r' }, spec: { expiresAt: '2026-01-01T12:30:00Z' } }
  const withDecision = (decision: object) => ({ ...waiting, spec: { ...waiting.spec, decision } })
  const decide = (decision: object, more: object = {}) =>
    setUp().review(admissionPaths.approvals, 'ApprovalRequest', {
      operation: 'UPDATE',
      userInfo: { username: 'bob', groups: ['reviewers'] },
      object: withDecision(decision),
      oldObject: waiting,
      ...more,
    })

  test('is stamped with who made it and when, whatever the sender claims', async () => {
    const forged = { verdict: 'Approved', reason: 'fine', by: 'ada', groups: ['root'], at: '1999-01-01T00:00:00Z' }
    expect(applyPatch<object>(withDecision(forged), await decide(forged))).toEqual(
      withDecision({
        verdict: 'Approved',
        reason: 'fine',
        by: 'bob',
        groups: ['reviewers'],
        at: '2026-01-01T12:00:00.000Z',
      }),
    )
  })

  test('that was made before is not stamped again', async () => {
    const made = withDecision({ verdict: 'Approved', by: 'ada' })
    expect(await decide({}, { object: made, oldObject: made })).toEqual({ uid: 'r-1', allowed: true })
  })

  test('that comes too late is refused', async () => {
    const late = { ...waiting, spec: { expiresAt: '2026-01-01T12:00:00Z' } }
    expect(
      await decide(
        {},
        { object: { ...late, spec: { ...late.spec, decision: { verdict: 'Approved' } } }, oldObject: late },
      ),
    ).toMatchObject(refused('spec.expiresAt: this request expired'))
  })

  test('carries at most 64 groups', async () => {
    const groups = Array.from({ length: 100 }, (_, each) => `g${each}`)
    const answer = await decide({ verdict: 'Denied' }, { userInfo: { username: 'bob', groups } })
    expect(applyPatch<object>(withDecision({ verdict: 'Denied' }), answer)).toMatchObject(
      withDecision({ groups: groups.slice(0, 64) }),
    )
  })
})
