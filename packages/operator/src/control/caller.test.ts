import { describe, expect, test } from '@jest/globals'
import { annotations, labels } from '@chaperone/api'
import type { Pod } from '../inject/pod.ts'
import { identifyCaller, type CallerPorts, type TokenReviewStatus } from './caller.ts'

const genuine: TokenReviewStatus = {
  authenticated: true,
  audiences: ['chaperone'],
  user: {
    username: 'system:serviceaccount:agents:devin',
    extra: {
      'authentication.kubernetes.io/pod-name': ['agent'],
      'authentication.kubernetes.io/pod-uid': ['pod-1'],
    },
  },
}
const agent: Pod = {
  metadata: {
    name: 'agent',
    namespace: 'agents',
    uid: 'pod-1',
    labels: { [labels.session]: 'devin' },
    annotations: { [annotations.sessionUid]: 'session-1' },
  },
  spec: { containers: [] },
}

function setUp(status: TokenReviewStatus = genuine, pod: Pod | undefined = agent) {
  const reviewed: [string, readonly string[]][] = []
  const ports: CallerPorts = {
    tokenReview(token, audiences) {
      reviewed.push([token, audiences])
      return Promise.resolve(status)
    },
    pod: (namespace, name) => Promise.resolve(namespace === 'agents' && name === 'agent' ? pod : undefined),
  }
  return { reviewed, identify: (authorization?: string) => identifyCaller(ports, authorization) }
}
const user = (change: Partial<NonNullable<TokenReviewStatus['user']>>): TokenReviewStatus => ({
  ...genuine,
  user: { ...genuine.user, ...change },
})

describe('a caller', () => {
  test('is the pod of its token, and of the session that the webhook stamped on that pod', async () => {
    const { identify, reviewed } = setUp()
    expect(await identify('Bearer a.b-c_d')).toEqual({
      pod: { namespace: 'agents', name: 'agent', uid: 'pod-1' },
      serviceAccount: 'system:serviceaccount:agents:devin',
      session: { name: 'devin', uid: 'session-1' },
    })
    expect(reviewed).toEqual([['a.b-c_d', ['chaperone']]])
  })

  test.each([
    undefined,
    '',
    'Basic YTpi',
    'bearer a.b.c',
    'Bearer ',
    'Bearer a b',
    'Bearer a,Bearer b',
    'Bearer a\r\nx: y',
    `Bearer ${'a'.repeat(8193)}`,
  ])('with the header %j is refused before the API server is asked', async (authorization) => {
    const { identify, reviewed } = setUp()
    await expect(identify(authorization)).rejects.toMatchObject({ code: 'ERR_CONTROL_UNAUTHENTICATED' })
    expect(reviewed).toEqual([])
  })

  test.each<[string, TokenReviewStatus]>([
    ['nothing of the token', {}],
    ['that it is not genuine', { ...genuine, authenticated: false }],
    ['no audience', { authenticated: true, user: genuine.user! }],
    ['the audience of the API server', { ...genuine, audiences: ['https://kubernetes.default.svc'] }],
  ])('of whose token the API server says %s is not authenticated', async (_, status) => {
    await expect(setUp(status).identify('Bearer t')).rejects.toMatchObject({ code: 'ERR_CONTROL_UNAUTHENTICATED' })
  })

  test.each<[string, TokenReviewStatus]>([
    ['of a person', user({ username: 'ada@example.com' })],
    ['of a user whose name only looks like a service account', user({ username: 'system:serviceaccount:agents' })],
    ['that is bound to no pod', user({ extra: {} })],
    ['that is bound to a pod without a uid', user({ extra: { 'authentication.kubernetes.io/pod-name': ['agent'] } })],
    ['of a service account of another namespace', user({ username: 'system:serviceaccount:other:devin' })],
  ])('with a token %s is forbidden', async (_, status) => {
    await expect(setUp(status).identify('Bearer t')).rejects.toMatchObject({ code: 'ERR_CONTROL_FORBIDDEN' })
  })

  test('whose pod is deleted, or was made anew under its name, is forbidden', async () => {
    await expect(
      identifyCaller(
        { tokenReview: () => Promise.resolve(genuine), pod: () => Promise.resolve(undefined) },
        'Bearer t',
      ),
    ).rejects.toMatchObject({ code: 'ERR_CONTROL_FORBIDDEN', message: 'the pod of the token does not exist' })
    const remade: Pod = { ...agent, metadata: { ...agent.metadata, uid: 'pod-2' } }
    await expect(setUp(genuine, remade).identify('Bearer t')).rejects.toMatchObject({ code: 'ERR_CONTROL_FORBIDDEN' })
  })

  test('whose pod no webhook has bound to a session is forbidden', async () => {
    for (const metadata of [
      { ...agent.metadata, labels: {} },
      { ...agent.metadata, annotations: {} },
    ])
      await expect(setUp(genuine, { ...agent, metadata }).identify('Bearer t')).rejects.toMatchObject({
        code: 'ERR_CONTROL_FORBIDDEN',
        message: 'the pod is bound to no session',
      })
  })

  test('is not called unknown when the API server cannot be asked', async () => {
    const away = new Error('connection refused')
    await expect(
      identifyCaller({ tokenReview: () => Promise.resolve(genuine), pod: () => Promise.reject(away) }, 'Bearer t'),
    ).rejects.toBe(away)
  })
})
