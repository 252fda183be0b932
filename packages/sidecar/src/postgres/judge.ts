import { setImmediate } from 'node:timers/promises'
import { errorText, type Action, type SqlStatement, type Target } from '@chaperone/core'
import type { Mask } from '@chaperone/mask'
import { SqlUnparseableError, type SqlClassifier } from '@chaperone/policy'
import { postgres } from '@chaperone/wire'
import type { Authorization, Engine, Refusal } from '../engine/engine.ts'
import { postgresHeld, postgresRefusal } from '../rescue/postgres.ts'
import { allowsLogin } from './login-permit.ts'

/** A query and what PostgreSQL's own parser says of it. */
export interface ClassifiedSql {
  readonly text: string
  readonly statements: readonly SqlStatement[]
}

export interface Permit {
  readonly kind: 'permit'
  readonly mask: Mask | undefined
  readonly requestSeq: number
  readonly copies: boolean
}

/** The answer that the client gets instead. */
export interface Denied {
  readonly kind: 'denied'
  readonly response: Buffer
}

/** Turns SQL into actions and verdicts; the only one in a session who asks the engine. */
export interface Judge {
  classify(text: string): Promise<ClassifiedSql | Denied>
  /** Holds where a person must decide, with signs of life for the client. */
  authorize(sql: ClassifiedSql, binds?: readonly (string | null)[]): Promise<Permit | Denied>
  /** For what is only prepared: it is refused where it could never run, and judged for itself when it does. */
  peek(sql: ClassifiedSql): Denied | undefined
  /** Whether the connection may stay open, and all of these would still be let through. */
  allows(running: Iterable<ClassifiedSql>): boolean
  /** Records what is refused before any rule is asked. */
  refuse(refusal: Refusal): Denied
  /** Ends the hold of a statement that waits for a person; false when none does. */
  cancelHeld(): boolean
}

export interface JudgePorts {
  readonly engine: Pick<Engine, 'authorize' | 'policy' | 'mask' | 'clock' | 'log' | 'recorder'>
  readonly sql: SqlClassifier
  readonly connectionId: string
  readonly target: Target
  readonly database: string
  readonly user: string
  readonly heldNoticeMs: number
  readonly tellClient: (notice: Buffer) => void
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
}

export function createJudge(ports: JudgePorts): Judge {
  const { engine, target, database, user } = ports
  const hold = createHold(ports)

  const actionOf = ({ text, statements }: ClassifiedSql, binds?: readonly (string | null)[]): Action => {
    const sql = { system: 'postgresql', database, user, text, statements } as const
    return { protocol: 'Postgres', target, sql: binds === undefined ? sql : { ...sql, binds } }
  }
  /** What the engine never judges is recorded here; without its text, which no rule has said how to mask. */
  const refuse = (refusal: Refusal): Denied => {
    engine.recorder
      .append('query', {
        'chaperone.connection.id': ports.connectionId,
        'server.address': target.host,
        'server.port': target.port,
        'db.system.name': 'postgresql',
        'db.namespace': database,
        'chaperone.decision': 'deny',
        'chaperone.reason': refusal.reason,
        'chaperone.message': refusal.message,
      })
      .catch((error: unknown) => engine.log.warn({ error: errorText(error) }, 'a refusal was not recorded'))
    return denied(refusal)
  }

  return {
    async classify(text) {
      // Other connections get their turn between two texts, however many this one sends.
      await setImmediate()
      try {
        return { text, statements: ports.sql.classify(text) }
      } catch (error) {
        if (!(error instanceof SqlUnparseableError)) throw error
        return refuse({ kind: 'refuse', reason: 'Unparseable', message: error.message })
      }
    },
    async authorize(sql, binds) {
      const action = actionOf(sql, binds)
      const copies = sql.statements.some(({ verbs }) => verbs.includes('Copy'))
      if (copies && hasColumnRule(engine, action))
        return refuse({ kind: 'refuse', reason: 'MaskingFailed', message: 'COPY has no columns to mask; use SELECT' })
      const payload = { contentType: 'application/sql', bytes: Buffer.from(sql.text) }
      const request = { connectionId: ports.connectionId, action, payload }
      const authorization = await hold.during((onHeld, signal) => engine.authorize({ ...request, onHeld }, signal))
      if (authorization === 'cancelled') return cancelled
      if (authorization.kind === 'refuse') return denied(authorization)
      const { effects, requestSeq } = authorization
      return { kind: 'permit', mask: engine.mask(effects.mask), requestSeq, copies }
    },
    peek(sql) {
      const verdict = engine.policy.peek(actionOf(sql))
      return verdict.kind === 'deny' ? refuse({ ...verdict, kind: 'refuse' }) : undefined
    },
    allows: (running) =>
      allowsLogin(engine, target) && [...running].every((sql) => engine.policy.peek(actionOf(sql)).kind !== 'deny'),
    refuse,
    cancelHeld: () => hold.cancel(),
  }
}

function hasColumnRule({ policy, mask }: Pick<Engine, 'policy' | 'mask'>, action: Action): boolean {
  const verdict = policy.peek(action)
  return verdict.kind !== 'deny' && (mask(verdict.effects.mask)?.columns.length ?? 0) > 0
}

interface Hold {
  /** `work` is told how to say that it waits for a person, and when to give up. */
  during(
    work: (onHeld: (approvalName: string) => void, signal: AbortSignal) => Promise<Authorization>,
  ): Promise<Authorization | 'cancelled'>
  cancel(): boolean
}

function createHold({ engine, heldNoticeMs, tellClient, signal }: JudgePorts): Hold {
  let giveUp = new AbortController()
  let heldFor: string | undefined
  signal.addEventListener('abort', () => giveUp.abort(), { once: true })

  const reassure = async (decided: AbortSignal): Promise<void> => {
    while (!decided.aborted && heldFor !== undefined) {
      tellClient(postgresHeld(heldFor))
      await engine.clock.sleep(heldNoticeMs, decided).catch(() => undefined)
    }
  }
  return {
    async during(work) {
      const decided = new AbortController()
      const onHeld = (approvalName: string): void => {
        const isFirst = heldFor === undefined
        heldFor = approvalName
        if (isFirst) void reassure(decided.signal)
      }
      const authorization = await work(onHeld, giveUp.signal)
      decided.abort()
      heldFor = undefined
      // Who was let through before the cancellation came goes on, as a statement does that ends before its own.
      const isCancelled = giveUp.signal.aborted && !signal.aborted
      if (isCancelled) giveUp = new AbortController()
      return isCancelled && authorization.kind === 'refuse' ? 'cancelled' : authorization
    },
    cancel() {
      if (heldFor === undefined) return false
      giveUp.abort()
      return true
    },
  }
}

export function denied(refusal: Refusal): Denied {
  return { kind: 'denied', response: postgresRefusal(refusal) }
}

/** As PostgreSQL answers a statement that a CancelRequest has ended. */
const cancelled: Denied = {
  kind: 'denied',
  response: postgres.encodeError({
    severity: 'ERROR',
    code: '57014',
    message: 'canceling statement due to user request',
  }),
}
