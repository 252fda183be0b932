/** Application protocols that the data path judges. */
export type Protocol = 'HTTP' | 'Postgres' | 'TLS'

/** Where an action goes, by the name the agent used; `port` 1–65535. Addresses are never part of an identity. */
export interface Target {
  /** Lower case, no trailing dot; an IP literal without brackets. */
  readonly host: string
  readonly port: number
}

/** What policy sees of an HTTP request (RFC 9110). */
export interface HttpFacet {
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** Normalised path (RFC 3986 §6.2.2): dot segments removed, unreserved characters decoded, starts with `/`. */
  readonly path: string
  /** Query as sent, without `?`; empty when absent. */
  readonly query: string
  /** Lower-case names; only those that change what the request means (`content-type`, `x-http-method-override`, …). */
  readonly headers: Readonly<Record<string, string>>
  /** Present when a rule needed the whole body. */
  readonly body?: { readonly sha256: string; readonly bytes: number }
}

/** The kinds of SQL statement that rules name. */
export const sqlVerbs = [
  'Select',
  'Insert',
  'Update',
  'Delete',
  'Merge',
  'Truncate',
  'Copy',
  'Define',
  'Grant',
  'Call',
  'Set',
  'Transaction',
  'Maintain',
  'Other',
] as const
export type SqlVerb = (typeof sqlVerbs)[number]

/** One parsed SQL statement. `WITH d AS (DELETE …) SELECT …` has verbs `Delete` and `Select`. */
export interface SqlStatement {
  /** Every verb that the statement performs, in order of first appearance, never empty. */
  readonly verbs: readonly SqlVerb[]
  /** `schema.table`; an unqualified name is given schema `public`. */
  readonly tables: readonly string[]
  /** Functions called that are not known to be free of side effects, `schema.name` or `name`. */
  readonly functions: readonly string[]
}

/** What policy sees of a database query. */
export interface SqlFacet {
  readonly system: 'postgresql'
  readonly database: string
  readonly user: string
  /** As sent by the agent; masked before it is shown or recorded. */
  readonly text: string
  readonly statements: readonly SqlStatement[]
  /** Bind values in text form, `null` for SQL NULL; absent for the simple protocol. */
  readonly binds?: readonly (string | null)[]
}

/**
 * One thing the agent tries to do. Protocol code produces it; policy, approvals, audit, replay and `explain` share it
 * and need nothing else about the protocol.
 */
export type Action =
  | { readonly protocol: 'HTTP'; readonly target: Target; readonly http: HttpFacet }
  | { readonly protocol: 'Postgres'; readonly target: Target; readonly sql: SqlFacet }
  /** A whole TLS connection that nobody reads; nothing is known of it but its destination. */
  | { readonly protocol: 'TLS'; readonly target: Target }

/** One line for people: `POST https://api.example.com/v1/refunds`, `DELETE on public.orders at db:5432/shop`. Not masked. */
export function actionSummary(action: Action): string {
  const { host, port } = action.target
  if (action.protocol === 'HTTP') {
    const usual = action.http.scheme === 'https' ? 443 : 80
    const query = action.http.query === '' ? '' : `?${action.http.query}`
    return `${action.http.method} ${action.http.scheme}://${host}${port === usual ? '' : `:${port}`}${action.http.path}${query}`
  }
  if (action.protocol === 'TLS') return `TLS to ${host}:${port}, unread`
  const verbs = new Set(action.sql.statements.flatMap((statement) => statement.verbs))
  const tables = new Set(action.sql.statements.flatMap((statement) => statement.tables))
  const on = tables.size === 0 ? '' : ` on ${[...tables].join(', ')}`
  return `${[...verbs].join(', ').toUpperCase()}${on} at ${host}:${port}/${action.sql.database}`
}
