import { userInfo } from 'node:os'
import { join } from 'node:path'

/** What the environment says; nobody else reads it. */
export interface Settings {
  /** Where runs keep their records and sockets. */
  readonly stateDir: string
  readonly noColor: boolean
  readonly user: string
  readonly environment: Readonly<Record<string, string>>
}

export function readSettings(env: Readonly<Record<string, string | undefined>> = process.env): Settings {
  const home = env['HOME'] ?? '/tmp'
  const environment = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  return {
    stateDir: env['CHAPERONE_STATE_DIR'] ?? join(env['XDG_STATE_HOME'] ?? join(home, '.local', 'state'), 'chaperone'),
    noColor: (env['NO_COLOR'] ?? '') !== '',
    user: userInfo().username,
    environment,
  }
}
