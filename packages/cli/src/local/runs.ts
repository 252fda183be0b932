import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { CommandError } from '../errors.ts'
import type { LocalApproval } from './approval-book.ts'
import { localApprovalsPath, type LocalDecision } from './director.ts'

/** Files of one run of `chaperone run`. */
export interface RunFiles {
  readonly name: string
  readonly directory: string
  readonly socket: string
  readonly audit: string
  readonly sidecarLog: string
  readonly privateDir: string
  readonly walDir: string
}

export function runFiles(stateDir: string, name: string): RunFiles {
  const directory = join(stateDir, 'runs', name)
  return {
    name,
    directory,
    socket: join(directory, 'control.sock'),
    audit: join(directory, 'audit.jsonl'),
    sidecarLog: join(directory, 'sidecar.log'),
    privateDir: join(directory, 'private'),
    walDir: join(directory, 'wal'),
  }
}

export function createRun(stateDir: string, name: string): RunFiles {
  const files = runFiles(stateDir, name)
  for (const directory of [files.directory, files.privateDir, files.walDir])
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  return files
}

/** Runs that there were, oldest first. */
export function listRuns(stateDir: string): RunFiles[] {
  const directory = join(stateDir, 'runs')
  return existsSync(directory)
    ? readdirSync(directory)
        .sort()
        .map((name) => runFiles(stateDir, name))
    : []
}

/** What waits in the runs that are under way. A socket that nobody serves any more is passed over. */
export async function localApprovals(stateDir: string): Promise<{ run: RunFiles; approval: LocalApproval }[]> {
  const found = await Promise.all(
    listRuns(stateDir)
      .filter((run) => existsSync(run.socket))
      .map(async (run) => {
        const answer = await call(run, 'GET', localApprovalsPath).catch(() => undefined)
        return answer === undefined
          ? []
          : (JSON.parse(answer.body) as LocalApproval[]).map((approval) => ({ run, approval }))
      }),
  )
  return found.flat()
}

export async function decideLocally(run: RunFiles, name: string, decision: LocalDecision): Promise<LocalApproval> {
  const { status, body } = await call(run, 'POST', `${localApprovalsPath}/${encodeURIComponent(name)}`, decision)
  if (status !== 200) throw new CommandError(body)
  return JSON.parse(body) as LocalApproval
}

function call(
  run: RunFiles,
  method: string,
  path: string,
  content?: unknown,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: run.socket, method, path }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    outgoing.on('error', reject)
    outgoing.end(content === undefined ? undefined : JSON.stringify(content))
  })
}
