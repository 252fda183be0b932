import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace, podStatus, startAgent, type Agent } from '../harness/agents.ts'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { auditVerify, exportOf, type Export } from '../harness/records.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod, sessionFor } from '../main-journey/session.ts'
import { createCollector, type Collector } from './collector.ts'

jest.setTimeout(300_000)

const namespace = `audit-limits-${process.pid}`
const shopNamespace = `audit-limits-shop-${process.pid}`
const collectorNamespace = `audit-limits-collector-${process.pid}`
const kubectl: Kubectl = createKubectl()
let shop: Shop
let collector: Collector
let blocked: Agent
let continued: Agent

/** The least that the chart allows; answers of 1 MiB fill it soon. */
const auditMaxBytes = 16 * 1024 * 1024
const calls = 24

beforeAll(async () => {
  collector = await createCollector(kubectl, collectorNamespace)
  await installChaperone(`sidecar.auditMaxBytes=${auditMaxBytes}`, `collector.endpoint=${collector.url}`)
  shop = await createShop(kubectl, shopNamespace)
  await createAgentNamespace(kubectl, namespace)
  const session = (name: string, onUnavailable: string) => {
    const to = { hosts: [shop.apiHost], ports: [8443] }
    const egress = { caBundle: shop.caBundle, rules: [{ name: 'read', to, action: 'Allow' }] }
    const audit = { level: 'RequestResponse', maxBodyBytes: '1Mi', onUnavailable }
    const spec = { selector: { matchLabels: { app: name } }, egress, audit }
    return { ...sessionFor(shop, namespace, spec), metadata: { name, namespace } }
  }
  await kubectl.apply(session('block', 'Block'), session('continue', 'Continue'))
  const start = (name: string) => {
    const pod = agentPod(namespace, name)
    return startAgent(kubectl, { ...pod, metadata: { ...pod.metadata, labels: { app: name } } }, name)
  }
  ;[blocked, continued] = await Promise.all([start('block'), start('continue')])
})

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, shopNamespace, collectorNamespace, '--wait=false')
})

/** Calls one after the other, each with a number and a connection of its own; prints what became of each. */
const load = `
import { get } from 'node:https'
import { text } from 'node:stream/consumers'
const [url, calls] = process.argv.slice(2)
for (let n = 1; n <= Number(calls); n++) {
  const response = await new Promise((resolve) => get(url + '?' + n, { agent: false }, resolve))
  const status = response.statusCode
  const body = await text(response)
  console.log(JSON.stringify({ n, status, reason: status === 200 ? undefined : JSON.parse(body).reason }))
  if (status !== 200) break
}`
interface Call {
  readonly n: number
  readonly status: number
  readonly reason?: string
}
const callFrom = async (agent: Agent): Promise<Call[]> => {
  const { stdout } = await agent.script(load, `https://${shop.apiHost}:8443/large`, String(calls))
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Call]))
}
const small = (agent: Agent) => agent.curl(`https://${shop.apiHost}:8443/small`)
const ofKind = ({ records }: Export, kind: string) => records.filter((record) => record.kind === kind)

describe('with the collector away until the log of the pod is full', () => {
  let refusedAt: number

  test('with onUnavailable: Block the agent is refused and told why, also what is small', async () => {
    const answers = await callFrom(blocked)
    expect(answers.at(-1)).toMatchObject({ status: 503, reason: 'AuditUnavailable' })
    expect(answers.length).toBeGreaterThan(1)
    refusedAt = answers.length
    const { status, body } = await small(blocked)
    expect([status, JSON.parse(body)]).toEqual([
      503,
      expect.objectContaining({ reason: 'AuditUnavailable', next: expect.stringContaining('retry') }),
    ])
    const { audit } = await podStatus(kubectl, blocked, 'block', (pod) => pod.audit.message !== undefined)
    expect(audit).toMatchObject({ deliveredSequence: 0, message: expect.stringContaining('collector unreachable') })
  })

  test('with onUnavailable: Continue the agent goes on', async () => {
    const answers = await callFrom(continued)
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: calls }, () => 200))
  })

  describe('once the collector is there', () => {
    let ofBlocked: Export
    let ofContinued: Export

    beforeAll(async () => {
      await collector.start()
      // A call is what closes the gap.
      for (const [agent, session] of [
        [blocked, 'block'],
        [continued, 'continue'],
      ] as const) {
        const isDelivered = ({ audit }: { audit: { sequence: number; deliveredSequence: number } }) =>
          audit.sequence > 0 && audit.deliveredSequence === audit.sequence
        const { audit } = await podStatus(kubectl, agent, session, isDelivered)
        expect((await small(agent)).status).toBe(200)
        await podStatus(kubectl, agent, session, (pod) => isDelivered(pod) && pod.audit.sequence > audit.sequence)
      }
      const text = await collector.read()
      ofBlocked = exportOf(text, blocked.uid)
      ofContinued = exportOf(text, continued.uid)
    })

    test('with Block all that ever reached the API was delivered, request and answer', async () => {
      const reached = (await shop.requests()).map(({ path }) => path)
      const urls = ofKind(ofBlocked, 'request').map(({ attributes }) => new URL(String(attributes['url.full'])))
      const passed = urls.map(({ pathname, search }) => pathname + search)
      expect(passed).toEqual([...Array.from({ length: refusedAt - 1 }, (_, n) => `/large?${n + 1}`), '/small'])
      expect(reached).toEqual(expect.arrayContaining(passed))
      expect(ofKind(ofBlocked, 'response')).toHaveLength(passed.length)
      expect(ofKind(ofBlocked, 'audit.gap')).toEqual([])
    })

    test('with Continue one record tells exactly how many are not there, and between when', () => {
      const gaps = ofKind(ofContinued, 'audit.gap')
      expect(gaps).toHaveLength(1)
      const [{ seq, attributes }] = gaps as [(typeof gaps)[number]]
      const before = (kind: string) => ofKind(ofContinued, kind).filter((record) => record.seq < seq).length
      const each = ['connection.opened', 'request', 'response']
      // The end of a connection is told only where its beginning was.
      const ends = before('connection.opened') - before('connection.closed')
      const lost = ends + calls * each.length - each.map(before).reduce((sum, count) => sum + count)
      expect(lost).toBeGreaterThan(2)
      expect(attributes['chaperone.gap.records']).toBe(lost)
      const at = (record: number) =>
        Number(BigInt(ofContinued.records.find((each) => each.seq === record)!.time) / 1_000_000n)
      const [since, until] = [attributes['chaperone.gap.since'], attributes['chaperone.gap.until']].map((text) =>
        Date.parse(String(text)),
      )
      expect(since).toBeGreaterThanOrEqual(at(seq - 1))
      expect(until).toBeLessThanOrEqual(at(seq) + 1)
    })

    test('chaperone audit verify accepts both chains, and says what the gap is', async () => {
      const whole = await auditVerify(ofBlocked, '--session', 'block', '-n', namespace)
      expect([whole.code, whole.stdout]).toEqual([0, expect.stringMatching(/^WHOLE [^]*whole to its end\n$/)])
      const gapped = await auditVerify(ofContinued, '--session', 'continue', '-n', namespace)
      expect([gapped.code, gapped.stdout]).toEqual([
        0,
        expect.stringMatching(/^WHOLE [^]*gap told by record \d+: \d+ records from .* were not kept/),
      ])
    })
  })
})
