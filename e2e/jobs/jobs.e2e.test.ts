import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace } from '../harness/agents.ts'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { eventually } from '../harness/command.ts'
import { auditVerify, collected } from '../harness/records.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod, sessionFor } from '../main-journey/session.ts'

jest.setTimeout(240_000)

const namespace = `jobs-${process.pid}`
const shopNamespace = `jobs-shop-${process.pid}`
const kubectl: Kubectl = createKubectl()
let shop: Shop

beforeAll(async () => {
  await installChaperone()
  shop = await createShop(kubectl, shopNamespace)
  await createAgentNamespace(kubectl, namespace)
  await kubectl.apply(sessionFor(shop, namespace))
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'agentsession/devin', '--timeout=60s')
})

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, shopNamespace, '--wait=false')
})

/** Three calls, and no wait at the end: what is not delivered by then must not be lost. */
const jobSpec = (path: string) => {
  const { metadata, spec } = agentPod(namespace, 'unnamed', { restartPolicy: 'Never' })
  const url = `https://${shop.apiHost}:8443${path}`
  const [container] = spec.containers
  const command = ['sh', '-ec', `for n in 1 2 3; do curl -sSf ${url}/$n; done`]
  return {
    backoffLimit: 0,
    template: { metadata: { labels: metadata.labels }, spec: { ...spec, containers: [{ ...container, command }] } },
  }
}

async function completes(job: string, path: string): Promise<void> {
  await kubectl('wait', '-n', namespace, '--for=condition=Complete', `job/${job}`, '--timeout=120s')
  const uid = await kubectl(
    'get',
    'pods',
    '-n',
    namespace,
    '-l',
    `job-name=${job}`,
    '-o',
    'jsonpath={.items[0].metadata.uid}',
  )
  const trail = await eventually(
    () => collected(kubectl, { uid }),
    ({ records }) => records.some(({ kind }) => kind === 'session.ended'),
    60_000,
  )
  const urls = trail.records.filter(({ kind }) => kind === 'request').map(({ attributes }) => attributes['url.full'])
  expect(urls).toEqual([1, 2, 3].map((n) => `https://${shop.apiHost}:8443${path}/${n}`))
  // No head from elsewhere is needed: the chain says itself that it has ended.
  const verified = await auditVerify(trail)
  expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('WHOLE')])
}

describe('an agent that is a Job completes, and its audit trail is whole to its end', () => {
  beforeAll(async () => {
    const named = (name: string) => ({ apiVersion: 'batch/v1', metadata: { name, namespace } })
    // Never due by itself: its Job is made by hand, because its first minute may be one away.
    const nightly = { schedule: '0 0 30 2 *', jobTemplate: { spec: jobSpec('/cron') } }
    await kubectl.apply(
      { ...named('report'), kind: 'Job', spec: jobSpec('/job') },
      { ...named('nightly'), kind: 'CronJob', spec: nightly },
    )
    await kubectl('create', 'job', '-n', namespace, 'tonight', '--from=cronjob/nightly')
  })

  test('as a Job', () => completes('report', '/job'))

  test('as the Job of a CronJob', () => completes('tonight', '/cron'))
})
