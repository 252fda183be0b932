import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'

jest.setTimeout(120_000)

const program = new URL('../main.ts', import.meta.url).pathname
const directory = mkdtempSync(join(tmpdir(), 'terminal-'))
const session = join(directory, 'session.yaml')
const scratch = join(directory, 'scratch')
// The agent reads the trust bundle in there.
chmodSync(directory, 0o755)
mkdirSync(scratch, { mode: 0o755 })
const reached: string[] = []
let api: Server
let base: string

/** A person at a terminal: `script` of util-linux gives the program a real one. */
interface Terminal {
  readonly seen: () => string
  /** Resolves once `text` has been shown after what was waited for before. */
  shows(text: string | RegExp): Promise<void>
  types(keys: string): void
  readonly code: Promise<number | null>
}

function terminal(args: readonly string[], env: Record<string, string> = {}): Terminal {
  const words = [process.execPath, program, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const child: ChildProcessWithoutNullStreams = spawn(
    'script',
    ['--quiet', '--return', '--command', words, '/dev/null'],
    {
      env: { ...process.env, CHAPERONE_STATE_DIR: join(directory, 'state'), TERM: 'xterm', TMPDIR: scratch, ...env },
    },
  )
  let seen = ''
  let from = 0
  let check = (): void => undefined
  child.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString()
    check()
  })
  return {
    seen: () => seen,
    shows: (text) =>
      new Promise((resolve, reject) => {
        check = () => {
          const rest = seen.slice(from)
          const found = typeof text === 'string' ? rest.indexOf(text) : rest.search(text)
          if (found < 0) return
          from += found + 1
          resolve()
        }
        child.once('exit', () => reject(new Error(`it ended before it showed ${String(text)}:\n${seen}`)))
        check()
      }),
    types: (keys) => void child.stdin.write(keys),
    code: new Promise((resolve) => child.once('exit', resolve)),
  }
}
const run = (script: string, ...options: string[]) =>
  terminal(['run', '-f', session, '--resolve', `${new URL(base).host}:127.0.0.1`, ...options, '--', 'sh', '-c', script])

beforeAll(async () => {
  api = createServer((request, response) => {
    reached.push(`${request.method ?? ''} ${request.url ?? ''}`)
    response.end('thanks\n')
  })
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  const { port } = api.address() as AddressInfo
  base = `http://orders.example.test:${port}`
  writeFileSync(
    session,
    `apiVersion: chaperone.dev/v1alpha1
kind: AgentSession
metadata: {name: laptop}
spec:
  agent: {name: tester}
  egress:
    rules:
    - {name: write, to: {hosts: [orders.example.test], ports: [${port}]}, action: Approve, approval: {hold: 60s}, reason: refunds move money}
`,
  )
})
afterEach(() => void reached.splice(0))
afterAll(async () => {
  api.closeAllConnections()
  await new Promise((resolve) => api.close(resolve))
  rmSync(directory, { recursive: true })
})

const question = 'approve? [y/N, or N and a reason]'

describe('at a terminal', () => {
  test('a person approves one request and denies the next with a reason, which the agent reads', async () => {
    const person = run(`curl -sS -d a=1 ${base}/one; curl -sS -d a=2 ${base}/two; exit 3`)
    await person.shows('refunds move money')
    await person.shows(question)
    person.types('y\r')
    await person.shows('is approved')
    await person.shows('thanks')
    await person.shows(question)
    person.types('n too much money\r')
    await person.shows('was denied: too much money')
    expect(await person.code).toBe(3)
    expect(reached).toEqual(['POST /one'])
    expect(person.seen()).toContain('\u001b[')
  })

  test('what was typed before a question is shown does not answer it', async () => {
    const person = run(`echo ready; read -r _ </dev/zero & sleep 1; curl -sS -d a=1 ${base}/one`)
    await person.shows('ready')
    person.types('y\r')
    await person.shows(question)
    person.types('\r')
    await person.shows('is denied')
    expect(await person.code).toBe(0)
    expect(reached).toEqual([])
  })

  test('Ctrl-C ends the agent while it waits for an answer: nothing passes, and the records are kept', async () => {
    const person = run(`curl -sS -d a=1 ${base}/one; echo went-on`)
    await person.shows(question)
    person.types('\u0003')
    await person.shows('timeline: chaperone log')
    expect(await person.code).toBe(130)
    expect(reached).toEqual([])
    expect(person.seen()).not.toContain('went-on')
    expect(readdirSync(scratch)).toEqual([])
  })

  test('a second Ctrl-C ends an agent that ignores the first', async () => {
    const person = run(`trap 'echo ignored' INT; echo ready; while :; do sleep 0.1; done`)
    await person.shows('ready')
    person.types('\u0003')
    await person.shows('ignored')
    person.types('\u0003')
    await person.shows('timeline: chaperone log')
    expect(await person.code).not.toBe(0)
  })

  test('a request that is decided at another terminal is not asked any more', async () => {
    const person = run(`curl -sS -d a=1 ${base}/one`)
    await person.shows(question)
    const approvals = terminal(['approvals', '--local', '-o', 'json'])
    await approvals.code
    const name = /"name": "([^"]+)"/.exec(approvals.seen())?.[1] ?? ''
    const other = terminal(['approve', name])
    expect(await other.code).toBe(0)
    await person.shows('is approved')
    await person.shows('thanks')
    expect(await person.code).toBe(0)
  })

  test('NO_COLOR and pipes get no colours', async () => {
    const explain = ['explain', '-f', session, 'GET', `${base}/x`]
    const coloured = terminal(explain)
    await coloured.code
    expect(coloured.seen()).toContain('\u001b[')
    const plain = terminal(explain, { NO_COLOR: '1' })
    await plain.code
    expect(plain.seen()).toContain('Approve')
    expect(plain.seen()).not.toContain('\u001b[')
  })
})
