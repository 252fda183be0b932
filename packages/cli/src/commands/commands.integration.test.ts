import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'

jest.setTimeout(60_000)

const program = new URL('../main.ts', import.meta.url).pathname
const directory = mkdtempSync(join(tmpdir(), 'cli-'))
const session = join(directory, 'session.yaml')
const reached: string[] = []
let api: Server
let port: number

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program; `onError` sees its messages as they come. */
function chaperone(args: readonly string[], onError: (text: string) => void = () => undefined): Promise<Result> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], {
      // Nobody's kubeconfig: a laptop without a cluster.
      env: { ...process.env, HOME: directory, KUBECONFIG: '', CHAPERONE_STATE_DIR: join(directory, 'state') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
      onError(chunk.toString())
    })
    child.on('exit', (code) => resolve({ code, stdout, stderr }))
  })
}

beforeAll(async () => {
  const authority = await createTestAuthority()
  const { key, certificate } = await authority.issue('orders.example.test')
  api = createServer({ key, cert: certificate }, (request, response) => {
    reached.push(`${request.method ?? ''} ${request.url ?? ''}`)
    response.setHeader('content-type', 'application/json')
    response.end('{"customer":"ada@customer.example"}')
  })
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  port = (api.address() as AddressInfo).port
  const to = `{hosts: [orders.example.test], ports: [${port}]}`
  writeFileSync(
    session,
    `apiVersion: chaperone.dev/v1alpha1
kind: AgentSession
metadata: {name: laptop}
spec:
  agent: {name: tester}
  egress:
    caBundle: ${JSON.stringify(authority.certificate)}
    rules:
    - {name: read, to: ${to}, match: {http: {methods: [GET]}}, action: Allow, mask: [pii]}
    - {name: write, to: ${to}, match: {http: {methods: [POST]}}, action: Approve, approval: {hold: 30s}}
  masking: {profiles: [{name: pii, detect: [EmailAddress]}]}
`,
  )
})

afterAll(async () => {
  api.closeAllConnections()
  await new Promise((resolve) => api.close(resolve))
  rmSync(directory, { recursive: true })
})

const run = (script: string, onError?: (text: string) => void) =>
  chaperone(
    ['run', '-f', session, '--resolve', `orders.example.test:${port}:127.0.0.1`, '--', 'sh', '-c', script],
    onError,
  )
const lastAudit = () => {
  const runs = join(directory, 'state/runs')
  return join(runs, readdirSync(runs).sort().at(-1) ?? '', 'audit.jsonl')
}

describe('chaperone run', () => {
  test('masks, denies and holds as in a cluster, and leaves a whole audit trail', async () => {
    const approvals: Promise<Result[]>[] = []
    const decided = join(directory, 'decided')
    execFileSync('mkfifo', [decided])
    const approve = async (name: string): Promise<Result[]> => {
      const results = [
        await chaperone(['approvals']),
        await chaperone(['approve', name, '--reason', 'tested']),
        await chaperone(['deny', name]),
      ]
      await writeFile(decided, '\n')
      return results
    }
    const base = `https://orders.example.test:${port}`
    const result = await run(
      `curl -sS ${base}/1; echo; curl -sS -X DELETE ${base}/1; curl -sS -d amount=5 ${base}/refunds; read -r _ < ${decided}; exit 7`,
      (text) => {
        const name = /chaperone approve (\S+)/.exec(text)?.[1]
        if (name !== undefined) approvals.push(approve(name))
      },
    )
    expect(result.stdout).toContain('{"customer":"[REDACTED:EmailAddress]"}')
    expect(result.stdout).toContain('"reason":"NoRuleMatched"')
    expect(result.stderr).toContain('contained')
    expect(result.code).toBe(7)
    expect(reached).toEqual(['GET /1', 'POST /refunds'])
    expect((await Promise.all(approvals)).flat()).toEqual([
      { code: 0, stderr: '', stdout: expect.stringMatching(/\nlaptop-\w+ +tester +POST .* Pending /) },
      { code: 0, stderr: '', stdout: expect.stringMatching(/^approvalrequest\/laptop-\w+ approved\n$/) },
      { code: 1, stdout: '', stderr: expect.stringMatching(/"laptop-\w+" is approved( and used)? already\n$/) },
    ])
    expect(result.stderr.match(/is approved/g)).toHaveLength(1)

    expect(result.stderr).toContain('3 actions, 1 denied, 1 value masked; timeline: chaperone log ')
    expect(result.stderr).toContain(`chaperone audit verify ${lastAudit()}\n`)
    const verified = await chaperone(['audit', 'verify', lastAudit()])
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('WHOLE')])
    expect(readFileSync(lastAudit(), 'utf8')).not.toContain('ada@customer')
    const timeline = await chaperone(['log'])
    expect(timeline.stderr).toBe(`records ${lastAudit()}\n`)
    expect(timeline.stdout).toMatch(
      /→ GET [^]*1 masked \(EmailAddress\)[^]*✗ DELETE [^]*NoRuleMatched[^]*approval laptop-\w+ Approved by /,
    )
  })

  test('judges and records an agent that is not contained but heeds the proxy variables', async () => {
    const base = `https://orders.example.test:${port}`
    reached.length = 0
    const result = await chaperone([
      ...['run', '--no-contained', '-f', session, '--resolve', `orders.example.test:${port}:127.0.0.1`, '--'],
      ...['sh', '-c', `curl -sS ${base}/1; echo; curl -sS -X DELETE ${base}/1; exit 7`],
    ])
    expect(result.stderr).toContain('NOT contained: --no-contained was given')
    expect(result.stdout).toContain('{"customer":"[REDACTED:EmailAddress]"}')
    expect(result.stdout).toContain('"reason":"NoRuleMatched"')
    expect(result.code).toBe(7)
    expect(reached).toEqual(['GET /1'])
    expect((await chaperone(['log'])).stdout).toMatch(/→ GET [^]*✗ DELETE [^]*NoRuleMatched/)
  })

  test('tells what was left waiting, apart from what was denied, and which rule lacks its credential', async () => {
    const impatient = join(directory, 'impatient.yaml')
    const secret = 'credential: {secretRef: {name: orders}, as: BearerToken}'
    writeFileSync(
      impatient,
      readFileSync(session, 'utf8').replace('hold: 30s', 'hold: 0s').replace('mask: [pii]}', `mask: [pii], ${secret}}`),
    )
    const { stdout, stderr } = await chaperone([
      ...['run', '-f', impatient, '--resolve', `orders.example.test:${port}:127.0.0.1`, '--'],
      ...['curl', '-sS', '-d', 'amount=5', `https://orders.example.test:${port}/refunds`],
    ])
    expect(stdout).toContain('"reason":"ApprovalPending"')
    expect(stderr).toContain('no credentials: rule AgentSession/laptop#read adds one')
    expect(stderr).toContain('0 actions, 0 denied, 0 values masked, 1 left waiting for approval; ')
    expect((await chaperone(['log'])).stdout).toMatch(/ \? POST \S+ ApprovalPending/)
  })

  test('gives the agent no way to the rules, the records or the network', async () => {
    const { stdout, stderr } = await run(
      `ls ${directory}/state; nft list ruleset || echo no-rules; umount ${directory}/state || echo no-umount; ip -o link | wc -l`,
    )
    expect(stdout).toBe('no-rules\nno-umount\n1\n')
    expect(stderr).toContain('contained')
  })

  test('a wrong session file exits with 64, names the field, and starts nothing', async () => {
    const wrong = join(directory, 'wrong.yaml')
    writeFileSync(wrong, readFileSync(session, 'utf8').replace('action: Allow', 'action: Permit'))
    const { code, stderr } = await chaperone(['run', '-f', wrong, '--', 'echo', 'started'])
    expect(code).toBe(64)
    expect(stderr).toContain('spec.egress.rules[0].action: must be one of Allow, Deny, Approve; given "Permit"')
  })
})

describe('chaperone explain', () => {
  test('says what is decided, by which rule, and why the others did not match', async () => {
    const { stdout, code } = await chaperone([
      'explain',
      '-f',
      session,
      'POST',
      `https://orders.example.test:${port}/refunds`,
    ])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^Approve by AgentSession\/laptop#write\n[^]*· Allow {3}AgentSession\/laptop#read {2}\(method POST\)\n {2}✓ Approve/,
    )
  })

  test('speaks JSON too', async () => {
    const { stdout } = await chaperone(['explain', '-f', session, '-o', 'json', '--sql', 'delete from a', 'db.test'])
    expect(JSON.parse(stdout)).toMatchObject({ verdict: { kind: 'deny', reason: 'NoRuleMatched' } })
  })
})

test('audit verify names the first bad record and exits with 1', async () => {
  await run('true')
  const damaged = join(directory, 'damaged.jsonl')
  writeFileSync(
    damaged,
    readFileSync(lastAudit(), 'utf8').replace('chaperone.policy.changed', 'chaperone.policy_changed'),
  )
  const { code, stdout } = await chaperone(['audit', 'verify', damaged])
  expect([code, stdout]).toEqual([1, expect.stringMatching(/BAD[^]*first bad record: \d+/)])
})

test.each([
  [['frobnicate'], 64, /unknown command/],
  [['run'], 64, /-f, --filename/],
  [['approvals', '-o', 'xml'], 64, /expected one of table, wide, json, yaml/],
  [['completion', 'tcsh'], 64, /bash, zsh, fish/],
  [[], 64, /Usage/],
  [['audit', 'verify'], 64, /file/],
  [['audit', 'verify', 'f', '--head', 'x'], 64, /--head: expected POD-UID:SEQ:HASH/],
  [['audit', 'verify', '/nowhere'], 64, /\/nowhere: no such file/],
  [['approve'], 64, /name/],
  [['approve', 'a', '--frob'], 64, /--frob/],
  [['approve', 'a', '--kubeconfig', '/nowhere'], 64, /kubeconfig: .*\/nowhere/],
  [['approve', 'nosuch'], 1, /no approval request "nosuch" in a run of this machine/],
  [['audit', 'verify', 'f', '--session', 's'], 64, /kubeconfig: expected --kubeconfig, KUBECONFIG or/],
  [['log', 'no-such-run'], 64, /no-such-run: neither a run nor a file/],
  [['log', '-o', 'xml'], 64, /-o: expected one of/],
  [['explain', '-f', session, 'get', 'x'], 64, /expected METHOD URL/],
  [['explain', '-f', session, '--sql', 'select 1', 'db:port'], 64, /expected HOST or HOST:PORT/],
  [['run', '-f', '/nowhere', '--', 'true'], 64, /-f: \/nowhere: no such file/],
  [['run', '-f', session, '--resolve', 'x', '--', 'true'], 64, /--resolve: expected HOST:PORT:ADDRESS/],
  [['run', '-f', session, '--resolve', 'h:9443:nothost', '--', 'true'], 64, /--resolve: .*; given "h:9443:nothost"/],
  [['run', '-f', session, '--resolve', 'h:70000:127.0.0.1', '--', 'true'], 64, /--resolve: expected/],
  [['run', '-f', directory, '--', 'true'], 64, /-f: .*: is a directory/],
  [['run', '-f', session, '--log-level', 'loud', '--', 'true'], 64, /--log-level .*debug, info/],
  [['run', '-f', session, '--credentials', '/nowhere', '--', 'true'], 64, /--credentials: expected a directory/],
])('%j exits with %i and says what was expected', async (args, expected, message) => {
  const { code, stderr } = await chaperone(args)
  expect([code, stderr]).toEqual([expected, expect.stringMatching(message)])
})

test('an older Node is told what is needed, and nothing else is loaded', () => {
  const older = 'data:text/javascript,Object.defineProperty(process,"version",{value:"v20.11.0"})'
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', older, program, 'version'])
  expect([status, String(stdout), String(stderr)]).toEqual([
    1,
    '',
    'chaperone needs Node 24 or newer; this is v20.11.0\n',
  ])
})

test('every command teaches by an example', async () => {
  const { stdout: root } = await chaperone(['--help'])
  const verbs = [...root.matchAll(/^ {2}(\w+)(?: \S+)* {2,}\S/gm)].map(([, verb = '']) => verb)
  expect(verbs).toEqual(
    expect.arrayContaining(['run', 'approvals', 'approve', 'deny', 'log', 'audit', 'explain', 'version', 'completion']),
  )
  const lines = [
    [],
    ['audit', 'verify'],
    ...verbs.filter((verb) => !['chaperone', 'help'].includes(verb)).map((verb) => [verb]),
  ]
  for (const line of lines) {
    const { stdout, code } = await chaperone([...line, '--help'])
    expect([line, code, stdout]).toEqual([line, 0, expect.stringMatching(/\nExamples?:\n {2}\S/)])
  }
})

test('completion knows every command', async () => {
  const { stdout } = await chaperone(['completion', 'bash'])
  for (const name of ['run', 'approve', 'deny', 'approvals', 'log', 'audit', 'explain', 'version'])
    expect(stdout).toContain(name)
})
