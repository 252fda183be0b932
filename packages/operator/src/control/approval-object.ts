import { apiVersion, type AgentSession, type ApprovalAsk, type ApprovalRequest } from '@chaperone/api'
import { CodedError } from '@chaperone/core'
import type { Caller } from './caller.ts'

export class AskError extends CodedError<'ERR_ASK_INVALID'> {}

const maxExpiryMs = 7 * 24 * 3_600_000
const digestPattern = /^[0-9a-f]{64}$/

/** Checks what a sidecar asks for, field by field: it is ours, but its pod is not. */
export function parseAsk(body: unknown): ApprovalAsk {
  const text = (field: string, value: unknown, max: number) => {
    if (typeof value !== 'string' || value.length > max)
      throw new AskError('ERR_ASK_INVALID', `${field}: expected a string of at most ${max} characters`)
  }
  const ask = body as ApprovalAsk
  if (!isObject(body) || !isObject(ask.action))
    throw new AskError('ERR_ASK_INVALID', 'body: expected a JSON object with an action')
  text('rule', ask.rule, 512)
  if (ask.reason !== undefined) text('reason', ask.reason, 256)
  text('action.summary', ask.action.summary, 1024)
  if (ask.action.detail !== undefined) text('action.detail', ask.action.detail, 16_384)
  if (!['HTTP', 'Postgres'].includes(ask.action.protocol))
    throw new AskError('ERR_ASK_INVALID', 'action.protocol: expected HTTP or Postgres')
  if (!digestPattern.test(ask.action.digest))
    throw new AskError('ERR_ASK_INVALID', 'action.digest: expected 64 hexadecimal digits')
  if (!['Once', 'Session'].includes(ask.grant)) throw new AskError('ERR_ASK_INVALID', 'grant: expected Once or Session')
  if (!(ask.expiresInMs > 0 && ask.expiresInMs <= maxExpiryMs))
    throw new AskError('ERR_ASK_INVALID', `expiresInMs: expected a number in (0, ${maxExpiryMs}]`)
  return ask
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

/**
 * The object that a person decides. Its name follows from the digest, so that the same act asked twice, also by way of
 * two replicas, is one request; `round` tells apart what is asked again after an answer was used up.
 */
export function approvalObject(
  ask: ApprovalAsk,
  caller: Caller,
  session: AgentSession,
  at: { nowMs: number; round: number },
): ApprovalRequest {
  return {
    apiVersion,
    kind: 'ApprovalRequest',
    metadata: {
      name: approvalName(session.metadata.name, ask.action.digest, at.round),
      namespace: caller.pod.namespace,
      labels: { 'chaperone.dev/session': session.metadata.name },
      ownerReferences: [
        {
          apiVersion,
          kind: 'AgentSession',
          name: session.metadata.name,
          uid: session.metadata.uid ?? '',
          controller: true,
          blockOwnerDeletion: false,
        },
      ],
    } as ApprovalRequest['metadata'],
    spec: {
      sessionRef: { name: session.metadata.name, uid: session.metadata.uid ?? '' },
      podRef: { name: caller.pod.name, uid: caller.pod.uid },
      agent: {
        name: session.spec.agent.name,
        owner: session.spec.agent.owner ?? '',
        serviceAccount: caller.serviceAccount,
      },
      rule: ask.rule,
      ...(ask.reason === undefined ? {} : { reason: ask.reason }),
      action: ask.action,
      grant: ask.grant,
      expiresAt: new Date(at.nowMs + ask.expiresInMs).toISOString(),
    },
  }
}

/** `devin-billing-3f2a9c81d0`, and from the second round on `…-2`; at most 63 characters. */
export function approvalName(session: string, digest: string, round: number): string {
  const suffix = `-${digest.slice(0, 10)}${round === 1 ? '' : `-${round}`}`
  return `${session.slice(0, 63 - suffix.length)}${suffix}`
}
