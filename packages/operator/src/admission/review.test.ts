import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { applyPatch } from '../../test/apply-patch.ts'
import { inject } from '../inject/inject.ts'
import type { Pod } from '../inject/pod.ts'
import { answer, parseReview, type AdmissionOutcome, type AdmissionRequest } from './review.ts'

const request = (object: Record<string, unknown> | null): AdmissionRequest => ({
  uid: 'r-1',
  kind: { group: '', version: 'v1', kind: 'Pod' },
  operation: 'CREATE',
  userInfo: { username: 'ada' },
  object,
  oldObject: null,
})
const respond = (object: Record<string, unknown> | null, outcome: AdmissionOutcome) =>
  (answer(request(object), outcome) as { response: { allowed: boolean; patch?: string; patchType?: string } }).response

/** Names as JSON Pointers (RFC 6901) must escape them, and as prototypes have them. */
const name = fc.constantFrom('a', 'b', 'a/b', '~', '~1', '~0/', '', '0', '-', 'constructor', 'chaperone.dev/session')
const json = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.dictionary<string, unknown>(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
}))

describe('the patch of an answer', () => {
  test('makes of any object any other', () => {
    fc.assert(
      fc.property(json.object, json.object, (before, after) => {
        expect(applyPatch(before, respond(before, { kind: 'mutate', object: after }))).toEqual(after)
      }),
    )
  })

  test('makes of any pod exactly the injected pod', () => {
    const container = fc.record(
      {
        name: fc.constantFrom('main', 'helper', 'chaperone-sidecar', 'web'),
        env: fc.array(
          fc.record({ name: fc.constantFrom('SSL_CERT_FILE', 'JAVA_TOOL_OPTIONS', 'X'), value: fc.string() }),
          { maxLength: 3 },
        ),
        ports: fc.array(fc.record({ containerPort: fc.integer({ min: 1, max: 65535 }) }), { maxLength: 3 }),
        volumeMounts: fc.array(
          fc.record({
            name: fc.constantFrom('work', 'kube-api-access-x', 'chaperone-private'),
            mountPath: fc.string(),
          }),
          { maxLength: 3 },
        ),
        securityContext: fc.record({ runAsUser: fc.nat() }, { requiredKeys: [] }),
        unknown: json.value,
      },
      { requiredKeys: ['name'] },
    )
    const pod = fc.record({
      metadata: fc.record(
        {
          labels: fc.dictionary(name, fc.string(), { noNullPrototype: true }),
          annotations: fc.dictionary(name, fc.string(), { noNullPrototype: true }),
        },
        { requiredKeys: [] },
      ),
      spec: fc.record(
        {
          containers: fc.array(container, { minLength: 1, maxLength: 3 }),
          initContainers: fc.array(container, { maxLength: 3 }),
          volumes: fc.array(fc.record({ name: fc.constantFrom('work', 'chaperone-trust') }), { maxLength: 3 }),
        },
        { requiredKeys: ['containers'] },
      ),
    })
    fc.assert(
      fc.property(pod, (generated) => {
        const before = generated as unknown as Pod
        const injected = inject(before, {
          sidecarImage: 'sidecar:1',
          imagePullPolicy: 'Always',
          controlUrl: 'https://control',
          controlCa: 'PEM',
          collectorUrl: 'http://collector',
          logLevel: 'info',
          resources: { requests: {}, limits: {} },
          auditMaxBytes: 1,
          verifyPeriodSeconds: 300,
          interception: 'Transparent',
          proxyUid: 424242,
          session: { name: 'devin', uid: 'u', policyHash: 'h' },
          credentialSecrets: ['orders-db'],
          serviceAccountToken: true,
        })
        const response = respond(before, { kind: 'mutate', object: injected })
        expect(response).toMatchObject({ allowed: true, patchType: 'JSONPatch' })
        // What travels is JSON: a member that is undefined is no member.
        expect(applyPatch(before, response)).toEqual(JSON.parse(JSON.stringify(injected)))
      }),
    )
  })

  test('is left out when nothing changes', () => {
    expect(respond({ a: 1 }, { kind: 'mutate', object: { a: 1 } })).toEqual({ uid: 'r-1', allowed: true })
  })
})

test('warnings reach the user; none are sent as none', () => {
  expect(respond({}, { kind: 'allow', warnings: ['deprecated'] })).toEqual({
    uid: 'r-1',
    allowed: true,
    warnings: ['deprecated'],
  })
  expect(respond({}, { kind: 'allow', warnings: [] })).toEqual({ uid: 'r-1', allowed: true })
})

test('reading any text gives a request or nothing, and never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
      expect(parseReview(body)).toBeUndefined()
    }),
  )
})
