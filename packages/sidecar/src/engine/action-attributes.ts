import type { Action } from '@chaperone/core'
import type { Attributes } from './engine.ts'

/** What a record says of an action, in OpenTelemetry's words where there are some. `shown` is masked already. */
export function actionAttributes(shown: Action, withText: boolean): Attributes {
  const target = { 'server.address': shown.target.host, 'server.port': shown.target.port }
  if (shown.protocol === 'HTTP') {
    const { http } = shown
    return {
      ...target,
      'http.request.method': http.method,
      'url.full': urlOf(shown),
      'http.request.body.size': http.body?.bytes,
      'chaperone.body.sha256': http.body?.sha256,
    }
  }
  if (shown.protocol === 'TLS') return target
  const { sql } = shown
  const verbs = unique(sql.statements.flatMap((statement) => statement.verbs))
  const tables = unique(sql.statements.flatMap((statement) => statement.tables))
  return {
    ...target,
    'db.system.name': sql.system,
    'db.namespace': sql.database,
    'db.operation.name': verbs.join(',').toUpperCase(),
    'db.query.summary': [verbs.join(',').toUpperCase(), ...tables].join(' '),
    'chaperone.db.user': sql.user,
    ...(withText ? { 'db.query.text': sql.text } : {}),
    ...(withText && sql.binds !== undefined
      ? { 'chaperone.db.query.binds': sql.binds.map((value) => value ?? 'NULL') }
      : {}),
  }
}

function urlOf({ target, http }: Extract<Action, { protocol: 'HTTP' }>): string {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  const usual = http.scheme === 'https' ? 443 : 80
  const authority = target.port === usual ? host : `${host}:${target.port}`
  return `${http.scheme}://${authority}${http.path}${http.query === '' ? '' : `?${http.query}`}`
}

const unique = (items: readonly string[]): string[] => [...new Set(items)]
