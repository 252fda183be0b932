import { readdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import type { Call, Reply } from './agent.ts'
import { childOf, pin, start } from './process.ts'
import type { Workspace } from './workspace.ts'

/** `chaperone run` as it is installed, with us in the agent's place: real namespaces, redirect, DNS, director and audit. */
export interface ChaperoneRun {
  /** The sidecar, alone on its core. */
  readonly pid: number
  /** Runs a program where the agent is. */
  execute(command: string, ...args: readonly string[]): Promise<string>
  /** What a second terminal does: lists, or decides. */
  approvals(): Promise<{ readonly state: { readonly name: string; readonly outcome: string } }[]>
  approve(name: string): Promise<void>
  stop(): Promise<void>
}

export interface RunOptions {
  /** `spec` of the session, but for the agent and the certificate of the origin. */
  readonly rules: readonly object[]
  readonly profiles?: readonly object[]
  readonly audit?: 'Metadata' | 'RequestResponse'
  /** `HOST:PORT:ADDRESS` */
  readonly resolve: readonly string[]
}

const cli = join(import.meta.dirname, '../../dist/cli/cli.mjs')
const agent = join(import.meta.dirname, 'agent.ts')

export async function startChaperoneRun(workspace: Workspace, options: RunOptions): Promise<ChaperoneRun> {
  const { rules, profiles = [], audit = 'Metadata', resolve } = options
  const directory = workspace.folder('chaperone')
  const session = join(directory, 'session.yaml')
  const stateDir = join(directory, 'state')
  writeFileSync(
    session,
    stringify({
      apiVersion: 'chaperone.dev/v1alpha1',
      kind: 'AgentSession',
      metadata: { name: 'bench' },
      spec: {
        agent: { name: 'bench' },
        egress: { caBundle: workspace.authority.certificate, rules },
        masking: { profiles },
        audit: { level: audit },
      },
    }),
  )
  const flags = resolve.flatMap((entry) => ['--resolve', entry])
  const program = start(
    process.execPath,
    [cli, 'run', '-f', session, '--no-prompt', '--log-level', 'warn', ...flags, '--', process.execPath, agent],
    {
      core: 'load',
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, CHAPERONE_STATE_DIR: stateDir, TMPDIR: directory },
    },
  )
  const { child } = program
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const waiting = new Map<number, { resolve: (out: string) => void; reject: (error: Error) => void }>()
  const started = new Promise<string>((resolve, reject) => waiting.set(0, { resolve, reject }))
  child.once('exit', (code) => {
    for (const { reject } of waiting.values())
      reject(new Error(`chaperone run ended with ${code ?? 'a signal'}: ${said}`))
  })
  if (child.stdout === null || child.stdin === null) throw new Error('chaperone run has no streams')
  const { stdin } = child
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, code, out, err } = JSON.parse(line) as Reply
    const call = waiting.get(id)
    waiting.delete(id)
    if (code === 0) call?.resolve(out)
    else call?.reject(new Error(`in the sandbox: ${code ?? 'a signal'}: ${err}${out}`))
  })
  await started
  if (!said.includes('contained: the agent has no network')) throw new Error(`the agent is not contained: ${said}`)
  const pid = childOf(program.pid, 'sidecar.mjs')
  if (pid === undefined) throw new Error('chaperone run has no sidecar')
  await pin(pid, 'proxy')
  let calls = 0
  const socketPath = () => join(stateDir, 'runs', readdirSync(join(stateDir, 'runs'))[0] ?? '', 'control.sock')
  return {
    pid,
    execute: (command, ...args) =>
      new Promise((resolve, reject) => {
        const call: Call = { id: ++calls, command, args }
        waiting.set(call.id, { resolve, reject })
        stdin.write(`${JSON.stringify(call)}\n`)
      }),
    approvals: async () => JSON.parse(await ask(socketPath(), 'GET')) as never,
    async approve(name) {
      await ask(socketPath(), 'POST', name)
    },
    async stop() {
      // The agent ends with its input, and the run with its agent.
      stdin.end()
      await new Promise<void>((resolve) => (child.exitCode === null ? child.once('exit', () => resolve()) : resolve()))
    },
  }
}

function ask(socketPath: string, method: 'GET' | 'POST', name?: string): Promise<string> {
  const path = `/v1/local/approvals${name === undefined ? '' : `/${name}`}`
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(body))))
    })
    outgoing.on('error', reject)
    outgoing.end(name === undefined ? undefined : JSON.stringify({ verdict: 'Approved', by: 'bench' }))
  })
}
