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
  'client_min_messages',
])
/**
 * The parser reads strings as the standard says, text as UTF-8 and names without schema as `public`: the server must too,
 * whatever its roles or databases say otherwise.
 */
const forced: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  search_path: 'public',
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
}
/** Harmless to leave out, because we say what they are. */
const ignored = new Set(['user', 'database', ...Object.keys(forced)])

/**
 * Start-up parameters for the server.
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
    parameters: new Map([['user', user], ['database', database], ...Object.entries(forced), ...kept]),
    refused,
  }
}
