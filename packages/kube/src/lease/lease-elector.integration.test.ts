import { systemClock, systemRandom } from '@chaperone/core'
import { startFaultProxy, startKubeApiserver, type FaultProxy, type KubeApiserver } from '@chaperone/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createKubeClient, type KubeClient } from '../client/kube-client.ts'
import { createLeaseElector, type LeaseElector, type LeaseOutcome } from './lease-elector.ts'
import { leases } from './lease-record.ts'

/** A fifth of the real ones, so that a test can wait for an expiry. */
const durations = { leaseMs: 3000, renewDeadlineMs: 2000, retryMs: 400 }

let apiserver: KubeApiserver
let proxy: FaultProxy
let direct: string
let throughProxy: string
const open: (() => unknown)[] = []

beforeAll(async () => {
  apiserver = await startKubeApiserver()
  proxy = await startFaultProxy({ host: '127.0.0.1', port: apiserver.port })
  direct = await apiserver.kubeconfigForUser('operator', ['system:masters'])
  throughProxy = await apiserver.kubeconfigForUser('operator', ['system:masters'], {
    url: `https://127.0.0.1:${proxy.port}`,
  })
}, 180_000)
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})
afterAll(async () => {
  await proxy.close()
  await apiserver.stop()
})

interface Candidate {
  readonly elector: LeaseElector
  readonly leads: Promise<unknown>
  readonly outcome: Promise<LeaseOutcome>
  readonly stop: () => void
}

function connect(kubeconfig: string): KubeClient {
  const client = createKubeClient({ kubeconfig }, { clock: systemClock })
  open.push(() => client.close())
  return client
}

function campaign(kubeconfig: string, name: string, identity: string): Candidate {
  const leads = Promise.withResolvers<undefined>()
  const stop = new AbortController()
  const elector = createLeaseElector({
    client: connect(kubeconfig),
    clock: systemClock,
    random: systemRandom,
    namespace: 'default',
    name,
    identity,
    durations,
    onStartedLeading(signal) {
      leads.resolve(undefined)
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
    },
  })
  const outcome = elector.run(stop.signal)
  open.push(() => {
    stop.abort()
    return outcome
  })
  return { elector, leads: leads.promise, outcome, stop: () => stop.abort() }
}

describe('leader election on a real API server', () => {
  test('of three that campaign at once, one leads; when it lets go, another one does', async () => {
    const candidates = ['a', 'b', 'c'].map((identity) => campaign(direct, 'contended', identity))
    await Promise.race(candidates.map(({ leads }) => leads))
    const leaders = candidates.filter(({ elector }) => elector.isLeader())
    expect(leaders).toHaveLength(1)
    const others = candidates.filter((candidate) => !leaders.includes(candidate))
    leaders[0]?.stop()
    expect(await leaders[0]?.outcome).toBe('released')
    await Promise.race(others.map(({ leads }) => leads))
    expect(candidates.filter(({ elector }) => elector.isLeader())).toHaveLength(1)
    const lease = await connect(direct).get(leases, { namespace: 'default', name: 'contended' })
    expect(lease.spec?.leaseTransitions).toBe(1)
    expect(others.map(({ elector }) => elector.holder())).toContain(lease.spec?.holderIdentity)
  })

  test('a leader that is cut off stops before the next one starts', async () => {
    const first = campaign(throughProxy, 'cut', 'first')
    await first.leads
    const second = campaign(direct, 'cut', 'second')
    proxy.stall()
    const order = await Promise.race([first.outcome, second.leads.then(() => 'second leads')])
    expect(order).toBe('lost')
    await second.leads
    expect(first.elector.isLeader()).toBe(false)
    const lease = await connect(direct).get(leases, { namespace: 'default', name: 'cut' })
    expect(lease.spec).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1 })
    proxy.resume()
  })
})
