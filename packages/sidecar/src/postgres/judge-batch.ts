import type { Mask } from '@chaperone/mask'
import { postgres } from '@chaperone/wire'
import { readBatch, type Batch, type Step } from './batch.ts'
import type { ClientSessionPorts } from './client-session.ts'
import { denied, type Denied, type Permit } from './judge.ts'
import { maxPrepared, maxPreparedBytes } from './limits.ts'
import type { Expected, NameChange } from './replies.ts'

/** One message that may pass; an Execute with its permit. */
export interface PassedStep {
  readonly frame: postgres.Frame
  readonly step: Step
  readonly permit?: Permit
}

/** All of it may pass, or none. */
export async function judgeBatch(
  { pump, names, judge }: ClientSessionPorts,
  frames: readonly postgres.Frame[],
): Promise<PassedStep[] | Denied> {
  const batch = await readBatch(frames, {
    names,
    classify: (text) => judge.classify(text),
    refuse: (refusal) => judge.refuse(refusal),
    namesKnown: (of) => (pump.replies.changes(of) ? pump.idle() : Promise.resolve()),
  })
  if ('kind' in batch) return batch
  for (const sql of batch.prepares) {
    const refused = judge.peek(sql)
    if (refused !== undefined) return refused
  }
  if (!names.fits(...additions(batch))) return tooManyPrepared
  const passed: PassedStep[] = []
  for (const each of batch.steps) {
    if (passed.at(-1)?.permit?.copies === true) return copyNotLast
    if (each.step.kind !== 'execute') {
      passed.push(each)
      continue
    }
    const permit = await judge.authorize(each.step.portal.sql, each.step.portal.binds)
    if (permit.kind === 'denied') return permit
    passed.push({ ...each, permit })
  }
  // While one was held for a person, another may have lost its permission.
  const executed = new Set(passed.flatMap(({ step }) => (step.kind === 'execute' ? [step.portal.sql] : [])))
  for (const sql of executed) {
    const refused = judge.peek(sql)
    if (refused !== undefined) return refused
  }
  return passed
}

/** Notes what the server will answer; returns what it is to be sent. */
export function expectStep({ pump, names }: ClientSessionPorts, passed: PassedStep, mask: Mask | undefined): Buffer[] {
  const { frame, step, permit } = passed
  const expect = (expected: Omit<Expected, 'mask'>) => pump.replies.push({ mask, ...expected })
  const change = (of: NameChange['of'], apply: () => void): NameChange => ({ of, apply })
  switch (step.kind) {
    case 'parse':
      expect({ kind: 'parse', change: change('statements', () => names.setStatement(step.statement, step.sql)) })
      return [frame.bytes]
    case 'bind':
      expect({ kind: 'bind', change: change('portals', () => names.setPortal(step.name, step.portal)) })
      return [frame.bytes]
    case 'close': {
      const { kind, name } = step.target
      expect({
        kind: 'close',
        change:
          kind === 'S'
            ? change('statements', () => names.setStatement(name, undefined))
            : change('portals', () => names.setPortal(name, undefined)),
      })
      return [frame.bytes]
    }
    case 'describe':
      expect({ kind: 'describe' })
      return [frame.bytes]
    case 'execute': {
      // Rows can only be masked when their columns are known; not every client asks for them.
      const describes = permit?.mask !== undefined
      if (describes) pump.replies.push({ kind: 'describe', ours: true, mask: permit.mask })
      pump.replies.push({
        kind: 'execute',
        sql: step.portal.sql,
        mask: permit?.mask,
        copies: permit?.copies === true,
        change: names.changeBy(step.portal.sql),
        ...(permit === undefined ? {} : { requestSeq: permit.requestSeq }),
      })
      return describes ? [postgres.encodeDescribePortal(step.name), frame.bytes] : [frame.bytes]
    }
  }
}

function additions({ steps }: Batch): Parameters<ClientSessionPorts['names']['fits']> {
  const statements = steps.flatMap(({ step }) => (step.kind === 'parse' ? [step.sql] : []))
  const portals = steps.flatMap(({ step }) => (step.kind === 'bind' ? [step.portal] : []))
  return [statements, portals]
}

const tooManyPrepared = denied({
  kind: 'refuse',
  reason: 'LimitExceeded',
  message: `at most ${maxPrepared} prepared statements and portals, and ${maxPreparedBytes} bytes of them`,
})
const copyNotLast = denied({
  kind: 'refuse',
  reason: 'Unparseable',
  message: 'COPY must be the last statement before Sync',
})
