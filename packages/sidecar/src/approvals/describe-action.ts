import type { ApprovalAsk } from '@chaperone/api'
import { actionSummary, type Action } from '@chaperone/core'
import type { Mask } from '@chaperone/mask'
import type { AuthorizeRequest } from '../engine/engine.ts'
import { maskedAction } from '../engine/masked-action.ts'
import { maskedPayload } from '../engine/masked-payload.ts'

/** Bounds of ApprovalRequest.spec.action. */
const maxSummary = 1024
const maxDetail = 16_384

/** What a reviewer is shown: the action in one line and in full, masked. What cannot be masked is only measured. */
export function describeAction(
  action: Action,
  payload: AuthorizeRequest['payload'],
  mask: Mask | undefined,
): Pick<ApprovalAsk['action'], 'summary' | 'detail'> {
  const shown = maskedAction(action, mask)
  return {
    summary: cut(actionSummary(shown), maxSummary),
    detail: cut(detailOf(shown, payload, mask), maxDetail),
  }
}

function detailOf(shown: Action, payload: AuthorizeRequest['payload'], mask: Mask | undefined): string {
  switch (shown.protocol) {
    case 'HTTP':
      return httpDetail(shown, payload, mask)
    case 'Postgres':
      return sqlDetail(shown)
    case 'TLS':
      return actionSummary(shown)
  }
}

function httpDetail(
  shown: Extract<Action, { protocol: 'HTTP' }>,
  payload: AuthorizeRequest['payload'],
  mask: Mask | undefined,
): string {
  const headers = Object.entries(shown.http.headers).map(([name, value]) => `${name}: ${value}`)
  const head = [actionSummary(shown), ...headers].join('\n')
  if (payload === undefined) return head
  const type = payload.contentType.split(';', 1)[0] ?? ''
  return `${head}\n\n${maskedPayload(payload, mask) ?? `(${payload.bytes.length} bytes of ${type}, not shown)`}`
}

function sqlDetail({ sql }: Extract<Action, { protocol: 'Postgres' }>): string {
  const binds = (sql.binds ?? []).map((value, index) => `$${index + 1} = ${value ?? 'NULL'}`)
  return [`${sql.user} on ${sql.database}`, sql.text, ...binds].join('\n')
}

function cut(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters - 1).toWellFormed()}…`
}
