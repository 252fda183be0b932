import { createTally, maskForm, type Mask } from '@chaperone/mask'
import type { Action } from '@chaperone/core'

/** The action with everything a person or a record is shown of it masked; for showing, never for judging. */
export function maskedAction(action: Action, mask: Mask | undefined): Action {
  if (mask === undefined || action.protocol === 'TLS') return action
  const tally = createTally()
  const text = (value: string): string => mask.text(value, tally)
  if (action.protocol === 'Postgres') {
    const { sql } = action
    const binds = sql.binds?.map((value) => (value === null ? null : text(value)))
    return { ...action, sql: { ...sql, text: text(sql.text), ...(binds === undefined ? {} : { binds }) } }
  }
  const { http } = action
  return {
    ...action,
    http: {
      ...http,
      path: http.path
        .split('/')
        .map((segment) => maskSegment(segment, text))
        .join('/'),
      query: http.query === '' ? '' : maskForm(http.query, mask, tally),
      headers: Object.fromEntries(Object.entries(http.headers).map(([name, value]) => [name, text(value)])),
    },
  }
}

/** Values are found decoded; a segment without any stays as it was. */
function maskSegment(segment: string, text: (value: string) => string): string {
  const decoded = decodeSegment(segment)
  const masked = text(decoded)
  return masked === decoded ? segment : encodeURIComponent(masked)
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
