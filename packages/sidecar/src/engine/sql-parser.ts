import { loadSqlParser, type SqlClassifier } from '@chaperone/policy'

let loading: Promise<SqlClassifier> | undefined

/** PostgreSQL's own parser, loaded once and only when it is needed: it takes more memory than all the rest. */
export function sqlParser(): Promise<SqlClassifier> {
  loading ??= loadSqlParser()
  return loading
}
