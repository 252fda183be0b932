import { describe, expect, test } from '@jest/globals'
import pino from 'pino'
import type { ApprovalAsk, ApprovalState } from '@chaperone/api'
import { createFakeClock } from '@chaperone/testkit'
import { ControlError } from '../errors.ts'
import { createApprovalGate } from './approval-gate.ts'

const ask = (digest = 'd'.repeat(64)): ApprovalAsk => ({
  rule: 'AgentSession/devin#write',
  action: { protocol: 'HTTP', summary: 'POST https://api.test/', digest },
  grant: 'Once',
  expiresInMs: 1_800_000,
})

/** A director that behaves as the operator's does: rounds of one digest, each consumed once. */
const setUp = () => {
  const clock = createFakeClock()
  const requests: ApprovalState[] = []
  const journal: string[] = []
  const calls: string[] = []
  const director = {
    isConnected: true,
    ask(asked: ApprovalAsk): Promise<ApprovalState> {
      calls.push('ask')
      if (!director.isConnected) return Promise.reject(new ControlError('ERR_CONTROL_UNAVAILABLE', 'away'))
      const live = requests.findLast((each) => each.digest === asked.action.digest)
      const isUsedUp = live === undefined || live.consumed || live.outcome === 'Cancelled' || live.outcome === 'Expired'
      if (!isUsedUp) return Promise.resolve(live)
      const made: ApprovalState = {
        name: `devin-${requests.length + 1}`,
        digest: asked.action.digest,
        outcome: 'Pending',
        grant: asked.grant,
        consumed: false,
        expiresAt: new Date(clock.now() + asked.expiresInMs).toISOString(),
      }
      requests.push(made)
      return Promise.resolve(made)
    },
    consume(name: string): Promise<boolean> {
      calls.push(`consume ${name}`)
      const at = requests.findIndex((each) => each.name === name)
      const state = requests[at]!
      if (state.outcome !== 'Approved' || (state.consumed && state.grant === 'Once')) return Promise.resolve(false)
      requests[at] = { ...state, consumed: true }
      return Promise.resolve(true)
    },
    cancel(name: string): Promise<void> {
      calls.push(`cancel ${name}`)
      return Promise.resolve()
    },
  }
  const gate = createApprovalGate({
    director,
    clock,
    log: pino({ level: 'silent' }),
    journal: { learned: (state) => void journal.push(`${state.name} ${state.outcome}`) },
  })
  const decide = (change: Partial<ApprovalState>, at = requests.length - 1): void => {
    requests[at] = { ...requests[at]!, ...change }
    gate.learn(requests[at])
  }
  const hold = (
    options: {
      digest?: string
      grant?: 'Once' | 'Session'
      signal?: AbortSignal
      onHeld?: (name: string) => void
    } = {},
  ) =>
    gate.hold(
      { ...ask(options.digest), grant: options.grant ?? 'Once' },
      { holdMs: 90_000, onHeld: options.onHeld },
      options.signal ?? new AbortController().signal,
    )
  return { clock, gate, director, decide, hold, calls, requests, journal }
}

describe('a held action', () => {
  test('passes when a person agrees, and its approval is used up', async () => {
    const { clock, decide, hold, calls, gate } = setUp()
    const held: string[] = []
    const outcome = hold({ onHeld: (name) => held.push(name) })
    await clock.settle()
    expect(gate.open).toBe(1)
    decide({ outcome: 'Approved', by: 'bob' })
    expect(await outcome).toMatchObject({ kind: 'pass', approval: { name: 'devin-1', by: 'bob' } })
    expect(calls).toEqual(['ask', 'consume devin-1'])
    expect(held).toEqual(['devin-1'])
    expect(gate.open).toBe(0)
  })

  test('is refused with the reason when a person says no', async () => {
    const { clock, decide, hold, calls } = setUp()
    const outcome = hold()
    await clock.settle()
    decide({ outcome: 'Denied', reason: 'not on a Friday' })
    expect(await outcome).toMatchObject({
      kind: 'refuse',
      reason: 'ApprovalDenied',
      message: 'devin-1 was denied: not on a Friday',
    })
    expect(calls).toEqual(['ask'])
  })

  test('is answered as pending when the hold ends, and the identical retry passes once it was approved', async () => {
    const { clock, decide, hold, calls } = setUp()
    const outcome = hold()
    await clock.advance(90_000)
    expect(await outcome).toMatchObject({
      reason: 'ApprovalPending',
      approval: { name: 'devin-1', retryAfterSeconds: 15 },
    })
    decide({ outcome: 'Approved' })
    expect(await hold()).toMatchObject({ kind: 'pass' })
    expect(calls).toEqual(['ask', 'ask', 'consume devin-1'])
  })

  test('expires by our own clock, whatever the director says', async () => {
    const { clock, decide, hold } = setUp()
    const outcome = hold()
    await clock.settle()
    decide({ outcome: 'Approved', expiresAt: new Date(clock.now() - 1).toISOString() })
    expect(await outcome).toMatchObject({ reason: 'ApprovalExpired' })
  })

  test('expires while it is held when the request ends before the hold', async () => {
    const { clock, decide, hold } = setUp()
    const outcome = hold()
    await clock.settle()
    decide({ expiresAt: new Date(clock.now() + 1000).toISOString() })
    await clock.advance(1000)
    expect(await outcome).toMatchObject({ reason: 'ApprovalExpired' })
  })

  const abandon = async ({ clock, hold }: ReturnType<typeof setUp>, digest?: string): Promise<void> => {
    const client = new AbortController()
    const outcome = hold({ signal: client.signal, ...(digest === undefined ? {} : { digest }) })
    await clock.settle()
    client.abort()
    await outcome
  }
  const minutes = 60_000

  test('is cancelled when its client is gone for five minutes', async () => {
    const world = setUp()
    await abandon(world)
    await world.clock.advance(5 * minutes - 1)
    expect(world.calls).toEqual(['ask'])
    await world.clock.advance(1)
    expect(world.calls).toEqual(['ask', 'cancel devin-1'])
    expect(world.gate.open).toBe(0)
  })

  test('finds its request again when the client retries within that time, and a decision meanwhile counts', async () => {
    const world = setUp()
    await abandon(world)
    await world.clock.advance(4 * minutes)
    world.decide({ outcome: 'Approved' })
    expect(await world.hold()).toMatchObject({ kind: 'pass' })
    expect(world.calls).toEqual(['ask', 'consume devin-1'])
  })

  test('finds the decision again that it did not hear of while its client was gone', async () => {
    const world = setUp()
    await abandon(world)
    world.requests[0] = { ...world.requests[0]!, outcome: 'Denied' }
    expect(await world.hold()).toMatchObject({ reason: 'ApprovalDenied' })
    expect(world.requests).toHaveLength(1)
  })

  test('has the whole time again after each retry', async () => {
    const world = setUp()
    await abandon(world)
    await world.clock.advance(4 * minutes)
    await abandon(world)
    await world.clock.advance(4 * minutes)
    expect(world.calls).toEqual(['ask', 'ask'])
    await world.clock.advance(minutes)
    expect(world.calls).toEqual(['ask', 'ask', 'cancel devin-1'])
  })

  test('is not cancelled when it was decided while its client was gone', async () => {
    const world = setUp()
    await abandon(world)
    world.decide({ outcome: 'Denied' })
    await world.clock.advance(5 * minutes)
    expect(world.calls).toEqual(['ask'])
  })

  test('is cancelled at once at the end of the pod, and nothing is left to wake for', async () => {
    const world = setUp()
    await abandon(world)
    await world.gate.close()
    expect(world.calls).toEqual(['ask', 'cancel devin-1'])
    expect(world.clock.sleepers).toEqual([])
  })

  test('is cancelled early when more than 64 others were abandoned after it', async () => {
    const world = setUp()
    for (let made = 0; made <= 64; made++) await abandon(world, `${made}`.padStart(64, '0'))
    expect(world.calls.filter((call) => call.startsWith('cancel'))).toEqual(['cancel devin-1'])
  })
})

describe('identical actions', () => {
  test('share one question, and one approval lets one of them pass', async () => {
    const { clock, decide, hold, calls } = setUp()
    const outcomes = [hold(), hold(), hold()]
    await clock.settle()
    expect(calls).toEqual(['ask'])
    decide({ outcome: 'Approved' })
    expect(await Promise.race(outcomes)).toMatchObject({ kind: 'pass' })
    await clock.advance(90_000)
    const kinds = (await Promise.all(outcomes)).map((outcome) => (outcome.kind === 'pass' ? 'pass' : outcome.reason))
    expect(kinds.sort()).toEqual(['ApprovalPending', 'ApprovalPending', 'pass'])
    expect(calls.filter((call) => call.startsWith('consume'))).toEqual(['consume devin-1'])
  })

  test('all pass under a grant for the session, each recorded at the director', async () => {
    const { clock, decide, hold, calls } = setUp()
    const outcomes = [hold({ grant: 'Session' }), hold({ grant: 'Session' })]
    await clock.settle()
    decide({ outcome: 'Approved' })
    expect((await Promise.all(outcomes)).map((outcome) => outcome.kind)).toEqual(['pass', 'pass'])
    expect(calls).toEqual(['ask', 'consume devin-1', 'consume devin-1'])
  })

  test('other actions are asked for by themselves', async () => {
    const { clock, hold, calls } = setUp()
    void hold({ digest: 'a'.repeat(64) })
    void hold({ digest: 'b'.repeat(64) })
    await clock.settle()
    expect(calls).toEqual(['ask', 'ask'])
  })
})

describe('the director', () => {
  test('being away refuses what would need a person', async () => {
    const { director, hold, calls } = setUp()
    director.isConnected = false
    expect(await hold()).toMatchObject({ kind: 'refuse', reason: 'ApprovalUnavailable' })
    expect(calls).toEqual([])
  })

  test('is asked again after it was away, for what was decided meanwhile', async () => {
    const { clock, gate, hold, requests } = setUp()
    const outcome = hold()
    await clock.settle()
    requests[0] = { ...requests[0]!, outcome: 'Approved' }
    gate.refresh()
    expect(await outcome).toMatchObject({ kind: 'pass' })
  })

  test('a decision that overtakes the answer to the question counts', async () => {
    const { clock, gate, director, hold, requests } = setUp()
    const answered = director.ask.bind(director)
    director.ask = async (asked) => {
      const state = await answered(asked)
      requests[0] = { ...state, outcome: 'Approved' }
      gate.learn(requests[0])
      return state
    }
    const outcome = hold()
    await clock.settle()
    expect(await outcome).toMatchObject({ kind: 'pass' })
  })

  test('is told at the end that nobody waits any more', async () => {
    const { clock, gate, hold, calls } = setUp()
    void hold()
    await clock.settle()
    await gate.close()
    expect(calls).toEqual(['ask', 'cancel devin-1'])
  })
})
