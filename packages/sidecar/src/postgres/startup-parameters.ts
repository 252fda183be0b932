/** Parameters that a client may set: none of them changes what a name or a byte means. */
const allowed = new Set([
  'application_name',
  'datestyle',
  'timezone',
  'intervalstyle',
  'extra_float_digits',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'standard_conforming_strings',
  'client_min_messages',
])
/** Harmless to leave out, because we say what they are. */
const ignored = new Set(['user', 'database', 'client_encoding', 'search_path'])

/**
 * Start-up parameters for the server. Names without schema are judged as `public`, and text as UTF-8: both are made so.
 * The second member names parameters that cannot be passed on.
 */
export function startupParameters(
  client: ReadonlyMap<string, string>,
  user: string,
): { readonly parameters: ReadonlyMap<string, string>; readonly refused: readonly string[] } {
  const refused = [...client.keys()].filter(
    (name) => !allowed.has(name.toLowerCase()) && !ignored.has(name.toLowerCase()) && !name.startsWith('_pq_.'),
  )
  const kept = [...client].filter(([name]) => allowed.has(name.toLowerCase()))
  const database = client.get('database') ?? client.get('user') ?? user
  return {
    parameters: new Map([
      ['user', user],
      ['database', database],
      ['client_encoding', 'UTF8'],
      ['search_path', 'public'],
      ...kept,
    ]),
    refused,
  }
}
