// The main job on this machine: a real agent, a real HTTPS API, and a second terminal that approves.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestAuthority } from '@chaperone/testkit'

const here = import.meta.dirname
const chaperone = join(here, '../../packages/cli/src/main.ts')
const directory = mkdtempSync(join(tmpdir(), 'chaperone-demo-'))
const environment = { ...process.env, CHAPERONE_STATE_DIR: join(directory, 'state') }
const print = (text: string) => void process.stdout.write(text)
const step = (text: string) => print(`\n==> ${text}\n`)

step('an HTTPS API on this machine, with a certificate of its own')
const authority = await createTestAuthority()
const { key, certificate } = await authority.issue('orders.example.test')
const reached: string[] = []
const api = createServer({ key, cert: certificate }, (request, response) => {
  reached.push(`${request.method ?? ''} ${request.url ?? ''}`)
  response.setHeader('content-type', 'application/json')
  response.end(
    JSON.stringify(
      request.method === 'POST'
        ? { refunded: true }
        : { customer: 'ada@customer.example', card: '4111 1111 1111 1111', total: 12.5 },
    ),
  )
})
await new Promise<void>((resolve, reject) => api.once('error', reject).listen(8443, '127.0.0.1', resolve))
const session = join(directory, 'session.yaml')
writeFileSync(
  session,
  readFileSync(join(here, 'session.yaml'), 'utf8').replace('CA_BUNDLE', JSON.stringify(authority.certificate)),
)

step('chaperone run -f session.yaml -- ./agent.sh')
const run = spawn(
  process.execPath,
  [
    chaperone,
    'run',
    '-f',
    session,
    '--resolve',
    'orders.example.test:8443:127.0.0.1',
    '--no-prompt',
    '--',
    join(here, 'agent.sh'),
  ],
  { env: environment, stdio: ['ignore', 'inherit', 'pipe'] },
)
run.stderr.on('data', (chunk: Buffer) => {
  print(chunk.toString())
  const name = /chaperone approve (\S+)/.exec(chunk.toString())?.[1]
  if (name !== undefined) approve(name)
})
const code = await new Promise<number | null>((done) => run.on('exit', done))

step('chaperone log')
await finished('log')
step('chaperone audit verify')
const [name = ''] = readdirSync(join(directory, 'state/runs'))
const audit = await finished('audit', 'verify', join(directory, 'state/runs', name, 'audit.jsonl'))
step(`what reached the API: ${reached.join(', ')}`)
api.close()
api.closeAllConnections()
rmSync(directory, { recursive: true })
const asExpected = code === 0 && audit === 0 && reached.join() === 'GET /orders/1,POST /refunds'
print(asExpected ? '\nThe demo did what it should.\n' : '\nThe demo did NOT do what it should.\n')
process.exit(asExpected ? 0 : 1)

function approve(name: string): void {
  step(`in a second terminal: chaperone approve ${name} --reason "customer called"`)
  void finished('approve', name, '--reason', 'customer called')
}

function finished(...args: string[]): Promise<number | null> {
  return new Promise((done) =>
    spawn(process.execPath, [chaperone, ...args], { env: environment, stdio: 'inherit' }).on('exit', done),
  )
}
