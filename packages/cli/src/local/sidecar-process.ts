import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CommandError } from '../errors.ts'
import type { RunFiles } from './runs.ts'

export interface SidecarOptions {
  readonly files: RunFiles
  readonly trustDir: string
  readonly resolve: readonly string[]
  readonly credentialsDir: string | undefined
  readonly podUid: string
  readonly podName: string
  readonly owner: string
  readonly logLevel: string
  readonly environment: Readonly<Record<string, string>>
}

/** As in the image (images/sidecar/Dockerfile). */
const sidecarFlags = ['--disallow-code-generation-from-strings', '--liftoff-only', '--max-semi-space-size=2']

/** Beside the installed program; in a checkout, the source that Node runs as it is. */
function sidecarProgram(): string {
  const bundled = fileURLToPath(new URL('sidecar/sidecar.mjs', import.meta.url))
  if (existsSync(bundled)) return bundled
  const source = fileURLToPath(new URL('../../../sidecar/src/main.ts', import.meta.url))
  if (existsSync(source)) return source
  throw new CommandError('the sidecar program is not beside this one; install chaperone again')
}

/** The same sidecar as in a pod, directed over a unix socket. */
export function startSidecar(options: SidecarOptions): ChildProcess {
  const { files } = options
  const log = openSync(files.sidecarLog, 'a', 0o600)
  return spawn(process.execPath, [...sidecarFlags, sidecarProgram()], {
    stdio: ['ignore', log, log, 'ipc'],
    // A session of its own: Ctrl-C is for the agent, whose last acts are still to be judged and recorded.
    detached: true,
    env: {
      PATH: options.environment['PATH'] ?? '',
      CHAPERONE_CONTROL_URL: `unix:${files.socket}`,
      CHAPERONE_PRIVATE_DIR: files.privateDir,
      CHAPERONE_TRUST_DIR: options.trustDir,
      CHAPERONE_AGENT_TRUST_DIR: options.trustDir,
      CHAPERONE_AUDIT_DIR: files.walDir,
      CHAPERONE_AUDIT_FILE: files.audit,
      CHAPERONE_LOG_LEVEL: options.logLevel,
      CHAPERONE_HEALTH: 'none',
      CHAPERONE_POD_NAME: options.podName,
      CHAPERONE_POD_NAMESPACE: 'local',
      CHAPERONE_POD_UID: options.podUid,
      CHAPERONE_SERVICE_ACCOUNT: options.owner,
      ...(options.resolve.length === 0 ? {} : { CHAPERONE_RESOLVE: options.resolve.join(',') }),
      ...(options.credentialsDir === undefined ? {} : { CHAPERONE_CREDENTIALS_DIR: options.credentialsDir }),
      CHAPERONE_INHERIT: 'true',
    },
  })
}
