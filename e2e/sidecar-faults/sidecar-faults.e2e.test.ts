import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace, startAgent, type Agent } from '../harness/agents.ts'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { eventually } from '../harness/command.ts'
import { createNodeShell, type NodeShell } from '../harness/node-shell.ts'
import { auditVerify, collected } from '../harness/records.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod, sessionFor } from '../main-journey/session.ts'

jest.setTimeout(240_000)

const namespace = `sidecar-faults-${process.pid}`
const shopNamespace = `sidecar-faults-shop-${process.pid}`
const nodeNamespace = `sidecar-faults-node-${process.pid}`
const kubectl: Kubectl = createKubectl()
let shop: Shop
let node: NodeShell
let agent: Agent
let victim: Agent

beforeAll(async () => {
  await installChaperone()
  const starting = createNodeShell(kubectl, nodeNamespace)
  shop = await createShop(kubectl, shopNamespace)
  const secret = (name: string, password: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData: { password },
  })
  const objects = [secret('orders-db', shop.databasePassword), secret('orders-api', 'only-the-sidecar-has-it')]
  await createAgentNamespace(kubectl, namespace, { objects })
  const session = sessionFor(shop, namespace)
  const [read, ...others] = session.spec.egress.rules
  const credential = { secretRef: { name: 'orders-api' }, as: 'BearerToken' }
  const egress = { ...session.spec.egress, rules: [{ ...read, credential }, ...others] }
  await kubectl.apply({ ...session, spec: { ...session.spec, egress } })
  ;[agent, victim] = await Promise.all([
    startAgent(kubectl, agentPod(namespace, 'agent')),
    startAgent(kubectl, agentPod(namespace, 'victim')),
  ])
  node = await starting
})

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, shopNamespace, nodeNamespace, '--wait=false')
})

const api = (path: string) => `https://${shop.apiHost}:8443${path}`

/** Sends bytes and gives what comes back, or the error: `tcp HOST PORT BASE64`, `udp …`, or `tls …` inside a handshake. */
const exchange = `
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
const [kind, host, port, base64] = process.argv.slice(2)
const bytes = Buffer.from(base64, 'base64')
const done = (text) => { process.stdout.write(text); process.exit() }
if (kind === 'udp') {
  const socket = createSocket('udp4').on('message', (message) => done(message.toString('latin1')))
  socket.send(bytes, Number(port), host)
} else {
  let answer = ''
  const options = { host, port: Number(port), servername: host }
  const socket = kind === 'tls' ? connectTls(options, () => socket.write(bytes)) : connect(options, () => socket.write(bytes))
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
  socket.on('error', (error) => done(answer + error.code))
  socket.on('close', () => done(answer + 'closed'))
}`
const send = async (kind: 'tcp' | 'tls' | 'udp', host: string, port: number, bytes: Buffer | string) =>
  (await agent.script(exchange, kind, host, String(port), Buffer.from(bytes).toString('base64'))).stdout

describe('what cannot be understood is refused and recorded, and the sidecar goes on', () => {
  const startup = (length: number, version: number, rest = '') => {
    const head = Buffer.alloc(8)
    head.writeInt32BE(length, 0)
    head.writeInt32BE(version, 4)
    return Buffer.concat([head, Buffer.from(rest)])
  }

  test.each([
    [
      'HTTP with two hosts',
      'tls',
      'GET /twice HTTP/1.1\r\nhost: a.example\r\nhost: b.example\r\nconnection: close\r\n\r\n',
      /^HTTP\/1.1 400/,
    ],
    [
      'HTTP with two lengths',
      'tls',
      'POST /refunds HTTP/1.1\r\nhost: HOST\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n',
      /^HTTP\/1.1 400/,
    ],
    ['HTTP that is none', 'tls', 'GET\0/\x01\r\n\r\n', /^HTTP\/1.1 400/],
    ['a TLS hello that is none', 'tcp', Buffer.from('160301002001000000ffffffffffffffff', 'hex'), /closed|ECONNRESET/],
    ['a protocol that is none', 'tcp', Buffer.from('00ff00ff00ff00ff00ff', 'hex'), /closed|ECONNRESET/],
  ] as const)('%s', async (_name, kind, bytes, answer) => {
    const text = typeof bytes === 'string' ? bytes.replace('HOST', `${shop.apiHost}:8443`) : bytes
    expect(await send(kind, shop.apiHost, 8443, text)).toMatch(answer)
    expect((await agent.curl(api('/good'))).status).toBe(200)
  })

  test('DNS, over UDP and TCP', async () => {
    const resolver = (await agent.run('sh', '-c', "awk '/nameserver/ {print $2; exit}' /etc/resolv.conf")).stdout.trim()
    // A question that promises one name and ends within it: answered by its id and FORMERR (RFC 1035 §4.1.1).
    const cut = Buffer.from('000701000001000000000000', 'hex')
    const refused = Buffer.from(
      await send('udp', resolver, 53, Buffer.concat([cut, Buffer.from('0361', 'hex')])),
      'latin1',
    )
    expect([refused.readUInt16BE(0), refused.readUInt8(3) & 0xf]).toEqual([7, 1])
    // An answer where a question is expected is not answered: two servers would talk for ever.
    const overTcp = await send('tcp', resolver, 53, Buffer.from('0003000780', 'hex'))
    expect(overTcp).toBe('closed')
    expect((await agent.curl(api('/good'))).status).toBe(200)
  })

  test('PostgreSQL: start-up messages, frames and SQL', async () => {
    const database = (bytes: Buffer) => send('tcp', shop.databaseHost, 5432, bytes)
    expect(await database(startup(0x7fffffff, 196_608))).toMatch(/closed|ECONNRESET/)
    expect(await database(startup(8, 0x0abc_0000))).toMatch(/closed|ECONNRESET/)
    expect(await database(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'))).toMatch(/closed|ECONNRESET/)
    const psql = (sql: string) =>
      agent.run('psql', '-h', shop.databaseHost, '-U', 'agent', '-d', 'postgres', '-Atc', sql)
    const refused = await psql('selec all the things')
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/could not be understood/)])
    expect((await shop.statements()).filter((line) => line.includes('selec all'))).toEqual([])
    expect(await psql('select count(*) from customers')).toMatchObject({ code: 0, stdout: '2\n' })
  })

  test('each is in the audit trail, nothing of it reached the API, and the sidecar never restarted', async () => {
    const kinds = (records: readonly { kind: string; attributes: object }[]) =>
      records.map(({ kind, attributes }) =>
        `${kind} ${(attributes as Record<string, string>)['chaperone.reason'] ?? ''}`.trim(),
      )
    const seen = await eventually(
      async () => kinds((await collected(kubectl, agent)).records),
      (all) =>
        all.filter((each) => each === 'connection.blocked Unparseable').length === 8 &&
        all.filter((each) => each === 'dns Unparseable').length === 2,
      60_000,
    )
    expect(seen).not.toContain('session.ended')
    expect((await shop.requests()).map(({ path }) => path).filter((path) => path !== '/good')).toEqual([])
    expect(await shop.strays()).toEqual([])
    expect(await agent.restarts()).toBe('0 0')
  })
})

describe('a sidecar that is killed under load', () => {
  interface Attempt {
    readonly path?: string
    readonly outcome?: number | string
    readonly direct?: string
  }
  const trust = async () => (await victim.run('sh', '-c', 'sha256sum "$NODE_EXTRA_CA_CERTS"')).stdout
  let attempts: Attempt[]
  let address: string

  beforeAll(async () => {
    address = await kubectl('get', 'pod', '-n', shopNamespace, 'orders-api', '-o', 'jsonpath={.status.podIP}')
    const before = await trust()
    const load = victim.script(readFileSync(new URL('load.mjs', import.meta.url), 'utf8'), api(''), address, '8443')
    const arrived = async () => (await shop.requests()).filter(({ path }) => path.startsWith('/load/')).length
    await eventually(arrived, (count) => count >= 40, 60_000)
    await node.kill(namespace, 'victim', 'chaperone-sidecar')
    const restarted = await eventually(
      () => victim.restarts(),
      (counts) => counts === '1 0',
      60_000,
    )
    expect(restarted).toBe('1 0')
    const atRestart = await arrived()
    await eventually(arrived, (count) => count >= atRestart + 40, 60_000)
    await victim.run('touch', '/tmp/stop')
    const { stdout } = await load
    attempts = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Attempt)
    expect(await trust()).toBe(before)
  })

  test('refuses its agent until it is back, and then serves it under the same certificates', () => {
    expect(attempts).toContainEqual({ direct: 'ECONNREFUSED' })
    const outcomes = attempts.flatMap(({ outcome }) => outcome ?? [])
    const failed = outcomes.findIndex((outcome) => outcome !== 200)
    expect(failed).toBeGreaterThan(0)
    expect(outcomes.slice(failed)).toContain(200)
    expect(outcomes.filter((outcome) => typeof outcome === 'string' && /CERT|SIGNATURE/.test(outcome))).toEqual([])
  })

  test('lets nothing past while it is gone: all that arrived bears what only it can add', async () => {
    const arrived = (await shop.requests()).filter(({ path }) => path.startsWith('/load/'))
    expect(new Set(arrived.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer only-the-sidecar-has-it']),
    )
    expect(await shop.strays()).toEqual([])
    // Anything else would have been seen.
    await node.run(`echo ESCAPE > /dev/tcp/${address}/8443; echo ESCAPE > /dev/udp/${address}/8443`)
    await eventually(
      () => shop.strays(),
      (strays) => strays.length === 2,
    )
  })

  test('has recorded every request that reached the API, in one chain that is whole', async () => {
    const arrived = (await shop.requests()).map(({ path }) => path).filter((path) => path.startsWith('/load/'))
    const missing = async () => {
      const { records } = await collected(kubectl, victim)
      const requests = records.filter(({ kind }) => kind === 'request')
      const recorded = new Set(requests.map(({ attributes }) => new URL(String(attributes['url.full'])).pathname))
      return arrived.filter((path) => !recorded.has(path))
    }
    expect(await eventually(missing, (paths) => paths.length === 0, 60_000)).toEqual([])
    const verified = await eventually(
      async () => auditVerify(await collected(kubectl, victim), '--allow-open'),
      ({ code }) => code === 0,
    )
    expect(verified.stdout).toMatch(/^(WHOLE|OPEN ) /)
  })
})
