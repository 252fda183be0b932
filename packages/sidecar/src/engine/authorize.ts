import { parseByteQuantity, type ApprovalAsk } from '@chaperone/api'
import { actionDigest, errorText, ruleId, type Clock, type DenialReason } from '@chaperone/core'
import type { Verdict } from '@chaperone/policy'
import type { Logger } from 'pino'
import type { ApprovalGate } from '../approvals/approval-gate.ts'
import { describeAction } from '../approvals/describe-action.ts'
import { actionAttributes } from './action-attributes.ts'
import type { Counters } from './counters.ts'
import type { Attributes, Authorization, AuthorizeRequest, Engine, PolicyHolder, Recorder, Refusal } from './engine.ts'
import type { MaskCache } from './mask-cache.ts'
import { maskedAction } from './masked-action.ts'
import { maskedPayload } from './masked-payload.ts'

export interface AuthorizePorts {
  readonly policy: PolicyHolder
  readonly masks: MaskCache
  readonly gate: ApprovalGate
  readonly recorder: Recorder
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Logger
}

type Permission = Pick<Extract<Verdict, { kind: 'allow' | 'approve' }>, 'kind' | 'rule' | 'effects'>

/** Verdict → limit → hold → record → pass; any of them may refuse, and a refusal is recorded too. */
export function createAuthorize(ports: AuthorizePorts): Engine['authorize'] {
  /** Actions that may yet pass; they count against the limit so that many at once do not slip through. */
  const state = { reserved: 0 }
  return async (request, signal) => {
    try {
      const authorization = await judge(ports, state, request, signal)
      // Who is told to wait was neither let through nor turned away.
      if (authorization.kind === 'refuse' && authorization.reason !== 'ApprovalPending') ports.counters.judged('deny')
      return authorization
    } catch (error) {
      ports.log.error({ connection: request.connectionId, error: errorText(error) }, 'an action could not be judged')
      ports.counters.judged('deny')
      return refusal('PolicyUnavailable', 'the action could not be judged')
    }
  }
}

async function judge(
  ports: AuthorizePorts,
  state: { reserved: number },
  request: AuthorizeRequest,
  signal: AbortSignal,
): Promise<Authorization> {
  const verdict = ports.policy.peek(request.action)
  if (verdict.kind === 'deny') return refuse(ports, request, { ...verdict, kind: 'refuse' })
  const max = ports.policy.current?.source.maxRequests
  if (max !== undefined && ports.counters.passed + state.reserved >= max) {
    const exceeded = refusal('LimitExceeded', `this pod has taken all of its ${max} actions`)
    return refuse(ports, request, { ...exceeded, rule: verdict.rule })
  }
  state.reserved += 1
  try {
    return verdict.kind === 'allow'
      ? await pass(ports, request, verdict, {})
      : await holdForApproval(ports, request, verdict, signal)
  } finally {
    state.reserved -= 1
  }
}

async function holdForApproval(
  ports: AuthorizePorts,
  request: AuthorizeRequest,
  verdict: Extract<Verdict, { kind: 'approve' }>,
  signal: AbortSignal,
): Promise<Authorization> {
  const ask = askFor(ports, request, verdict)
  if (ask === undefined) return refuse(ports, request, refusal('PolicyUnavailable', 'the session is gone'))
  const outcome = await ports.gate.hold(ask, { holdMs: verdict.terms.holdMs, onHeld: request.onHeld }, signal)
  if (outcome.kind === 'refuse') return refuse(ports, request, { ...outcome, rule: verdict.rule })
  // The session may have been suspended, or the rule changed, while a person thought.
  const now = ports.policy.peek(request.action)
  if (now.kind === 'deny') return refuse(ports, request, { ...now, kind: 'refuse' })
  if (now.kind === 'approve' && ruleId(now.rule) !== ruleId(verdict.rule))
    return holdForApproval(ports, request, now, signal)
  const { name, by } = outcome.approval
  const approval = { 'chaperone.approval.id': name, 'chaperone.approval.approver': by }
  return pass(ports, request, { ...now, kind: 'approve' }, approval)
}

/** Records and lets pass. What a person agreed to is on disk before it goes. */
async function pass(
  ports: AuthorizePorts,
  request: AuthorizeRequest,
  verdict: Permission,
  approval: Attributes,
): Promise<Authorization> {
  const { kind, rule, effects } = verdict
  const name = approval['chaperone.approval.id']
  const passed = { kind: 'pass', effects, rule, ...(typeof name === 'string' ? { approval: name } : {}) } as const
  if (effects.auditLevel === 'None') {
    ports.counters.judged('pass')
    return { ...passed, requestSeq: 0 }
  }
  const attributes = { ...approval, 'security_rule.name': ruleId(rule), 'chaperone.decision': kind }
  try {
    const requestSeq = await record(ports, request, {
      attributes,
      mask: ports.masks.get(effects.mask),
      withText: effects.auditLevel !== 'Metadata',
      commit: kind === 'approve',
    })
    ports.counters.judged('pass')
    return { ...passed, requestSeq }
  } catch (error) {
    ports.log.error({ error: errorText(error) }, 'nothing can be recorded; refusing')
    return { ...refusal('AuditUnavailable', 'nothing passes that cannot be recorded'), rule }
  }
}

/** Records a refusal as far as that is possible; it stands either way. Every profile of the session masks it. */
async function refuse(ports: AuthorizePorts, request: AuthorizeRequest, refused: Refusal): Promise<Refusal> {
  const attributes = {
    'chaperone.decision': 'deny',
    'chaperone.reason': refused.reason,
    'chaperone.message': refused.message,
    'chaperone.approval.id': refused.approval?.name,
    'security_rule.name': refused.rule === undefined ? undefined : ruleId(refused.rule),
  }
  const how = { attributes, mask: ports.masks.all(), withText: false, commit: false }
  await record(ports, request, how).catch((error: unknown) =>
    ports.log.warn({ error: errorText(error) }, 'a refusal was not recorded'),
  )
  return refused
}

const recordKinds = { HTTP: 'request', Postgres: 'query', TLS: 'passthrough' } as const

interface RecordHow {
  readonly attributes: Attributes
  readonly mask: ReturnType<MaskCache['get']>
  /** Whether the level lets text and payload be recorded. */
  readonly withText: boolean
  readonly commit: boolean
}

function record(ports: AuthorizePorts, request: AuthorizeRequest, how: RecordHow): Promise<number> {
  const { action, payload, connectionId } = request
  const kind = recordKinds[action.protocol]
  const body = how.withText ? maskedPayload(payload, how.mask) : undefined
  const kept = body?.slice(0, parseByteQuantity(ports.policy.current?.source.audit.maxBodyBytes ?? '0'))
  return ports.recorder.append(
    kind,
    {
      'chaperone.connection.id': connectionId,
      ...actionAttributes(maskedAction(action, how.mask), how.withText),
      ...how.attributes,
      ...(kept === undefined ? {} : { 'chaperone.body.truncated': kept.length < (body?.length ?? 0) }),
    },
    { commit: how.commit, ...(kept === undefined ? {} : { body: kept }) },
  )
}

/** The question for a person; undefined when there is no session to ask for. */
function askFor(
  { policy, masks }: AuthorizePorts,
  { action, payload }: AuthorizeRequest,
  { rule, effects, terms }: Extract<Verdict, { kind: 'approve' }>,
): ApprovalAsk | undefined {
  const session = policy.current?.source.session
  // Nobody can decide about what nobody reads.
  if (session === undefined || policy.pod === undefined || action.protocol === 'TLS') return undefined
  // A reviewer sees no more than the rule lets the agent see; where it masks nothing, every profile does.
  const mask = effects.mask.length > 0 ? masks.get(effects.mask) : masks.all()
  return {
    rule: ruleId(rule),
    ...(terms.reason === undefined ? {} : { reason: terms.reason }),
    action: {
      protocol: action.protocol,
      ...describeAction(action, payload, mask),
      digest: actionDigest(action, { session, pod: policy.pod, rule }),
    },
    grant: terms.grant,
    expiresInMs: terms.expiresMs,
  }
}

function refusal(reason: DenialReason, message: string): Refusal {
  return { kind: 'refuse', reason, message }
}
