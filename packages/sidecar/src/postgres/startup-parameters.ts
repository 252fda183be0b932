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
/** Options of the protocol itself; none is known to any server of protocol 3.0 (docs ch. 55.2.1). */
const protocolOption = '_pq_.'

export interface StartupParameters {
  /** For the server. */
  readonly parameters: ReadonlyMap<string, string>
  /** Names that cannot be passed on. */
  readonly refused: readonly string[]
  /** Names of protocol options, which the client is told are unknown. */
  readonly unknownOptions: readonly string[]
}

export function startupParameters(client: ReadonlyMap<string, string>, user: string): StartupParameters {
  const unknownOptions = [...client.keys()].filter((name) => name.startsWith(protocolOption))
  const refused = [...client.keys()].filter(
    (name) => !allowed.has(name.toLowerCase()) && !ignored.has(name.toLowerCase()) && !name.startsWith(protocolOption),
  )
  const kept = [...client].filter(([name]) => allowed.has(name.toLowerCase()))
  const database = client.get('database') ?? client.get('user') ?? user
  return {
    parameters: new Map([['user', user], ['database', database], ...Object.entries(forced), ...kept]),
    refused,
    unknownOptions,
  }
}

/** What is wrong with a setting that the server reports: under another value it reads statements as we do not. */
export function unfitSetting({ name, value }: { readonly name: string; readonly value: string }): string | undefined {
  const expected = name === 'client_encoding' || name === 'standard_conforming_strings' ? forced[name] : undefined
  return expected === undefined || value === expected
    ? undefined
    : `the server has another ${name}, and would read statements differently`
}
