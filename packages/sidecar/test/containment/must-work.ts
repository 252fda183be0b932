import { sidecarPorts } from '@chaperone/guard'
import { knowGateway, sandboxAddresses } from '@chaperone/testkit'
import { agentUid, declaredPort, upstream, type ContainedPod } from './contained-pod.ts'
import type { Vector } from './vector.ts'

const { pod: podAddresses, gateway } = sandboxAddresses
const pollMs = 20

/** Runs until it holds; what never holds is the test's time-out to notice, or `attempts` polls. */
async function eventually(what: string, holds: () => Promise<boolean>, attempts = 250): Promise<string[]> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (await holds()) return []
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  return [what]
}

const works = (name: string, run: (pod: ContainedPod) => Promise<readonly string[]>): Vector => ({
  name,
  guarded: false,
  run,
})

/** A call of the agent whose value must be as expected. */
const gives = (name: string, call: string, args: object, expected: (value: unknown) => boolean): Vector =>
  works(name, async ({ agent }) => {
    const outcome = await agent.call(call, { ...args })
    if (outcome.kind === 'refused') return [`the agent got ${outcome.errno}`]
    return expected(outcome.value) ? [] : [`the agent got ${JSON.stringify(outcome.value)}`]
  })

const isAnswered = (value: unknown): boolean => (value as { code: number; answers: number }).answers === 1
const isPage = (value: unknown): boolean => String(value).endsWith('outside')

/** A page of an allowed host that nobody has looked for yet: what was remembered under other rules does not count. */
const reaches = (
  name: string,
  { address = upstream.v4, port = 80 }: { readonly address?: string; readonly port?: number } = {},
  before: (pod: ContainedPod) => Promise<unknown> = () => Promise.resolve(),
): Vector =>
  works(name, async (pod) => {
    const host = `${String(await pod.outside.value('fresh_label'))}.wild.test`
    await pod.outside.value('answer', { name: host, addresses: [address] })
    await before(pod)
    const outcome = await pod.agent.call('page', { host, port })
    await knowGateway(pod.sandbox)
    return outcome.kind === 'done' && isPage(outcome.value) ? [] : [`the agent got ${JSON.stringify(outcome)}`]
  })

const declared = (family: 'v4' | 'v6') =>
  works(`peers read from a declared port over IP${family}`, async ({ agent, outside }) => {
    const where = { address: podAddresses[family], port: declaredPort }
    await agent.value('serve', where)
    const outcome = await outside.call('read_from', where)
    await agent.value('stop_serving', { port: declaredPort })
    return outcome.kind === 'done' ? [] : [`the peer was told ${outcome.errno}`]
  })

const probed = works('the kubelet is told of the health of the sidecar', async ({ outside }) => {
  const say = 'GET /livez HTTP/1.0\r\n\r\n'
  const outcome = await outside.call('read_from', { address: podAddresses.v4, port: sidecarPorts.health, say })
  return outcome.kind === 'done' && String(outcome.value).includes('200 OK')
    ? []
    : [`the kubelet got ${JSON.stringify(outcome)}`]
})

/** A loopback server of the agent, and a client of it. */
const onLoopback = works('the agent reaches its own servers on loopback', async ({ agent }) => {
  const where = { address: '127.0.0.1', port: 9001 }
  await agent.value('serve', where)
  const outcome = await agent.call('tcp_answer', { ...where, data: '' })
  await agent.value('stop_serving', { port: where.port })
  return outcome.kind === 'done' && outcome.value === "the agent's secret" ? [] : [`it got ${JSON.stringify(outcome)}`]
})

const datagramOnLoopback = works('datagrams of the agent arrive on loopback', async ({ agent }) => {
  const where = { address: '127.0.0.1', port: 9002 }
  await agent.value('serve_udp', where)
  const sent = await agent.call('udp', where)
  const problems = await eventually(
    'it did not arrive',
    async () => ((await agent.value('datagrams')) as string[]).length > 0,
  )
  await agent.value('stop_serving', { port: where.port })
  return sent.kind === 'done' ? problems : [`the agent got ${sent.errno}`]
})

/** The kernel acknowledges the last packet of a connection when the sidecar's socket is gone. */
const closedInOrder = works('connections of the sidecar are closed in order', async ({ agent, outside }) => {
  await agent.call('page', { host: 'steady.test' })
  return eventually(
    'the upstream waits for a last acknowledgement',
    async () => (await outside.value('unfinished')) === 0,
  )
})

/** A router says that a packet was too big (RFC 1191 §4); without it, large answers never arrive. */
const pathFound = works('the pod is told that a packet was too big', async ({ sandbox, outside }) => {
  const say = 'GET /livez HTTP/1.1\r\nhost: pod\r\n\r\n'
  await sandbox.frames()
  await outside.value('read_from', {
    address: podAddresses.v4,
    port: sidecarPorts.health,
    say,
    patient: true,
    keep: true,
    from_port: 40_002,
  })
  const last = (await sandbox.frames()).findLast(
    ({ fromPort, payload }) => fromPort === sidecarPorts.health && payload.length > 0,
  )
  if (last === undefined) return ['nothing was answered']
  await outside.value('too_big', { packet: last.packet.toString('hex'), mtu: 1300 })
  const told = async (): Promise<boolean> =>
    (await sandbox.run('pod', 'ip', 'route', 'get', gateway.v4)).includes('mtu 1300')
  const problems = await eventually('it was not', told)
  await outside.value('close_kept', { from_port: 40_002 })
  await sandbox.run('pod', 'ip', 'route', 'flush', 'cache')
  return problems
})

let nextPort = 20_000

/** Sends until it is on record: only a few in a second are led to where they are seen, and only a few of those recorded. */
const onRecord = (vector: 'quic' | 'udp', family: 'v4' | 'v6') =>
  works(`a datagram over IP${family} that goes nowhere is on record, with destination and sender: ${vector}`, (pod) => {
    const address = family === 'v4' ? `192.0.2.${(nextPort % 200) + 1}` : `2001:db8::${nextPort.toString(16)}`
    const port = vector === 'quic' ? 443 : nextPort
    nextPort += 1
    return eventually(
      'it is not',
      async () => {
        await pod.agent.value('keep_sending', { address, port })
        return pod.isRecorded('bypass.attempt', {
          'chaperone.bypass.vector': vector,
          'server.address': address,
          'server.port': port,
          'process.user.id': agentUid,
        })
      },
      150,
    )
  })

/** Another each time: a flow is remembered for minutes. */
let nextQuestioner = 40_100

const portTakenOver = works('a question from a port that the sidecar has just asked from is answered', async (pod) => {
  const question = { name: 'steady.test', from_port: nextQuestioner++ }
  await pod.asSidecar.value('ask', question)
  const outcome = await pod.agent.call('ask', question)
  return outcome.kind === 'done' && isAnswered(outcome.value) ? [] : [`the agent got ${JSON.stringify(outcome)}`]
})

/** Programs need not wait for an answer that never comes. */
const toldAtOnce = (port: number) =>
  works(`of many datagrams to port ${port} most are refused at once`, async ({ agent }) => {
    const refused = Number(await agent.value('many_datagrams', { address: '192.0.2.1', port, count: 40 }))
    return refused >= 20 ? [] : [`${refused} of 40 were`]
  })

const routed = works('a router on the link is heard', async ({ sandbox, outside }) => {
  await outside.value('advertise_route', { prefix: '2001:db8:aaaa::' })
  const heard = async (): Promise<boolean> =>
    (await sandbox.run('pod', 'ip', '-6', 'route')).includes('2001:db8:aaaa::/64')
  const problems = await eventually('it was not', heard)
  if (problems.length === 0) await sandbox.run('pod', 'ip', '-6', 'route', 'del', '2001:db8:aaaa::/64')
  return problems
})

/** What honest agents, the kubelet and peers rely on. */
export const mustWork: readonly Vector[] = [
  reaches('an allowed host is reached through the sidecar'),
  ...(['quic', 'udp'] as const).flatMap((vector) => [onRecord(vector, 'v4'), onRecord(vector, 'v6')]),
  toldAtOnce(443),
  toldAtOnce(9999),
  reaches('an allowed host is reached on the number of the health port', { port: sidecarPorts.health }),
  reaches(
    'an allowed host is reached over IPv6, when the pod has to find its gateway',
    { address: upstream.v6 },
    (pod) => pod.sandbox.run('pod', 'ip', '-6', 'neigh', 'del', gateway.v6, 'dev', 'eth0'),
  ),
  reaches(
    'an allowed host is reached over IPv6, when its gateway has to find the pod',
    { address: upstream.v6 },
    (pod) => pod.sandbox.run('outside', 'ip', '-6', 'neigh', 'flush', 'dev', 'eth0'),
  ),
  gives('DNS over UDP is answered', 'ask', { name: 'steady.test' }, isAnswered),
  portTakenOver,
  gives('DNS over TCP is answered', 'ask', { name: 'steady.test', transport: 'tcp' }, isAnswered),
  gives(
    'DNS over IPv6 is answered, whatever the server',
    'ask',
    { name: 'steady.test', server: '2001:db8::53' },
    isAnswered,
  ),
  gives('who goes where no rule leads is told so', 'page', { host: 'unnamed.test' }, (value) =>
    String(value).startsWith('HTTP/1.1 403'),
  ),
  declared('v4'),
  declared('v6'),
  probed,
  onLoopback,
  datagramOnLoopback,
  closedInOrder,
  pathFound,
  routed,
]
