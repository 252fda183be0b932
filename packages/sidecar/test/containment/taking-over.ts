import { setTimeout as delay } from 'node:timers/promises'
import { sidecarPorts } from '@chaperone/guard'
import { sandboxAddresses, type Frame } from '@chaperone/testkit'
import { read } from './coming-in.ts'
import { resetting, type ContainedPod } from './contained-pod.ts'
import { textOf, type Vector } from './vector.ts'

/** Linux probes a window that is shut twice within this time. */
const retransmitMs = 800
const pollMs = 20
/** As /proc/net/tcp writes ports. */
const hexadecimal = (port: number): string => `:${port.toString(16).toUpperCase()} `
/** Of a peer; nobody else uses it. */
const peerPort = 40_001
/** Multipath TCP (linux/in.h). */
const multipath = 262

/** Asks for an allowed page, as an honest agent does. */
export function request(pod: ContainedPod, host: string): Promise<unknown> {
  return pod.agent.value('page', { host })
}

/**
 * Conntrack remembers a connection longer than its socket lives. The agent, which sees the ports of the pod in
 * /proc/net, binds one that the sidecar has just given up and sends from there to the same destination.
 */
const overUdp: Vector = {
  name: 'a datagram from the port of a question that the sidecar asked the name server',
  guarded: false,
  async run(pod) {
    await pod.sandbox.frames()
    const host = `${String(await pod.outside.value('fresh_label'))}.wild.test`
    await pod.outside.value('answer', { name: host, addresses: [resetting] })
    await request(pod, host)
    const question = (await pod.sandbox.frames()).find(({ protocol, toPort }) => protocol === 'udp' && toPort === 53)
    if (question?.fromPort === undefined) return ['the sidecar asked nothing']
    await pod.agent.call('udp', { address: question.to, port: 53, from_port: question.fromPort })
    return (await pod.sandbox.frames()).filter(carriesSecret).map(textOf)
  },
}

/** The entry of a connection that the other side has reset is open to be used again, for ten seconds. */
const overTcp = (name: string, protocol: number): Vector => ({
  name,
  guarded: false,
  async run(pod) {
    await pod.outside.value('answer', { name: 'resetting.test', addresses: [resetting] })
    await pod.sandbox.frames()
    await request(pod, 'resetting.test')
    const dialled = (await pod.sandbox.frames()).find(({ to, toPort }) => to === resetting && toPort === 80)
    if (dialled?.fromPort === undefined) return ['the sidecar connected to nobody']
    await pod.agent.call('tcp', { address: resetting, port: 80, protocol, from_port: dialled.fromPort })
    return (await pod.sandbox.frames()).map(textOf)
  },
})

/**
 * A peer that spoke to the sidecar connects again from the same port: conntrack takes it for the connection it knows,
 * which has the mark of the sidecar. With SYN cookies, as under a flood, the kernel answers for nobody; and what the agent
 * leaves unsent when it closes, the kernel sends for nobody.
 */
const overHealth = (name: string, synCookies: 1 | 2): Vector => ({
  name,
  guarded: false,
  async run(pod) {
    const where = { address: sandboxAddresses.pod.v4, port: sidecarPorts.health }
    const say = 'GET /livez HTTP/1.1\r\nhost: pod\r\n\r\n'
    await pod.outside.value('read_from', { ...where, say, from_port: peerPort, patient: true, keep: true })
    // The peer acknowledges the end and does not end itself: conntrack waits for it longer than the kernel of the pod does.
    await pod.sandbox.run('pod', 'sysctl', '-qw', 'net.ipv4.tcp_fin_timeout=1')
    await pod.sidecar.kill()
    while ((await pod.sandbox.run('pod', 'cat', '/proc/net/tcp')).includes(hexadecimal(peerPort))) await delay(pollMs)
    await pod.outside.value('drop_kept', { from_port: peerPort })
    // Not even whether the agent listens may be seen.
    const unserved = await read(pod, where)
    await pod.sandbox.run('pod', 'sysctl', '-qw', `net.ipv4.tcp_syncookies=${synCookies}`)
    await pod.agent.value('serve', where)
    const leaks = await read(pod, where, peerPort)
    await pod.agent.value('stop_serving', { port: where.port })
    await pod.sandbox.run('pod', 'sysctl', '-qw', 'net.ipv4.tcp_syncookies=1')
    await pod.sidecar.start()
    return [...unserved, ...leaks]
  },
})

/** Without its entry in conntrack, a packet of a redirected connection goes where the agent meant it to go. */
const forgotten: Vector = {
  name: 'what the agent left unsent on a connection that conntrack has forgotten',
  guarded: false,
  async run(pod) {
    const loose = (value: 0 | 1) =>
      pod.sandbox.run('pod', 'sysctl', '-qw', `net.netfilter.nf_conntrack_tcp_loose=${value}`)
    pod.sidecar.signal('SIGSTOP')
    try {
      await loose(0)
      await pod.agent.value('leave_unsent', { address: '192.0.2.1', port: 443 })
      await pod.sandbox.run('pod', 'conntrack', '-F')
      await pod.sandbox.frames()
      await delay(retransmitMs)
      return (await pod.sandbox.frames()).map(textOf)
    } finally {
      await loose(1)
      pod.sidecar.signal('SIGCONT')
    }
  },
}

const carriesSecret = ({ payload }: Frame): boolean => payload.includes("the agent's secret")

export const takingOver: readonly Vector[] = [
  overUdp,
  overTcp('TCP from the port of a connection of the sidecar that was reset', 0),
  overTcp('multipath TCP from the port of a connection of the sidecar that was reset', multipath),
  overHealth('a server of the agent on the health port, to a peer that the sidecar had answered,', 1),
  overHealth('a server of the agent on the health port, to a peer whom the kernel answers with a SYN cookie,', 2),
  forgotten,
]
