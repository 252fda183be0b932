import type { ControlEvent } from '@chaperone/api'
import { ControlError } from '../errors.ts'

/** Undefined for a type that a newer director knows and we do not. Throws ControlError for what is no event. */
export function parseEvent(line: string): ControlEvent | undefined {
  const event = parseJson(line) as { readonly type?: unknown } & Record<string, unknown>
  switch (event.type) {
    case 'policy':
      expect(isObject(event['policy']) && typeof event['policy']['hash'] === 'string', 'policy.hash: expected a string')
      expect(isObject(event['pod']) && typeof event['pod']['uid'] === 'string', 'pod.uid: expected a string')
      break
    case 'unbound':
      expect(typeof event['message'] === 'string', 'message: expected a string')
      break
    case 'approval':
      expect(isApproval(event['approval']), 'approval: expected a name, digest, outcome and expiry')
      break
    case 'trust':
      expect(typeof event['caBundle'] === 'string', 'caBundle: expected a string')
      break
    case 'ping':
      break
    default:
      expect(typeof event.type === 'string', 'type: expected a string')
      return undefined
  }
  return event as unknown as ControlEvent
}

/** Whether a value is an ApprovalState, as far as we rely on it. */
export function isApproval(value: unknown): boolean {
  return (
    isObject(value) &&
    ['name', 'digest', 'outcome', 'grant', 'expiresAt'].every((field) => typeof value[field] === 'string') &&
    !Number.isNaN(Date.parse(String(value['expiresAt'])))
  )
}

function parseJson(line: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new ControlError('ERR_CONTROL_MALFORMED', 'an event is one line of JSON')
  }
  expect(isObject(value), 'event: expected an object')
  return value as Record<string, unknown>
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new ControlError('ERR_CONTROL_MALFORMED', otherwise)
}
