import { describe, expect, test } from '@jest/globals'
import type { AgentSession } from '@chaperone/api'
import type { Pod } from '../inject/pod.ts'
import { bindPod } from './bind-pod.ts'

const session = (name: string, app: string, serviceAccounts = ['default']): AgentSession =>
  ({ metadata: { name }, spec: { selector: { matchLabels: { app } }, serviceAccounts } }) as unknown as AgentSession
const pod = (labels: Record<string, string>, serviceAccountName?: string): Pod => ({
  metadata: { labels },
  spec: { containers: [], ...(serviceAccountName === undefined ? {} : { serviceAccountName }) },
})

describe('bindPod', () => {
  test('the only session that selects the pod gets it', () => {
    const devin = session('devin', 'devin')
    expect(bindPod(pod({ app: 'devin' }), [devin, session('other', 'other')])).toEqual({
      kind: 'bound',
      session: devin,
    })
  })

  test('a pod that no session selects stays unselected', () => {
    expect(bindPod(pod({ app: 'web' }), [session('devin', 'devin')]).kind).toBe('unselected')
  })

  test('two sessions for one pod are an error that names both', () => {
    expect(bindPod(pod({ app: 'devin' }), [session('b', 'devin'), session('a', 'devin')])).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('(a, b)'),
    })
  })

  test('the explicit label settles which of two', () => {
    const a = session('a', 'devin')
    expect(bindPod(pod({ app: 'devin', 'chaperone.dev/session': 'a' }), [a, session('b', 'devin')])).toEqual({
      kind: 'bound',
      session: a,
    })
  })

  test('a label that names no session is refused, not ignored', () => {
    expect(bindPod(pod({ 'chaperone.dev/session': 'gone' }), [])).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('"gone" does not exist'),
    })
  })

  test('a pod under a service account that the session does not list is refused', () => {
    expect(bindPod(pod({ app: 'devin' }, 'admin'), [session('devin', 'devin', ['agent'])])).toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/spec\.serviceAccountName: "admin".*\(agent\)/),
    })
  })

  test('an empty selector selects nothing', () => {
    const open = {
      metadata: { name: 'open' },
      spec: { selector: {}, serviceAccounts: ['default'] },
    } as unknown as AgentSession
    expect(bindPod(pod({}), [open]).kind).toBe('unselected')
  })
})
