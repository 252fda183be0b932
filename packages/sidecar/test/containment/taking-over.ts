import type { Frame } from '@chaperone/testkit'
import { resetting, type ContainedPod } from './contained-pod.ts'
import { textOf, type Vector } from './vector.ts'

/** Multipath TCP (linux/in.h), whose packets have no owner in the eyes of the firewall. */
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

const carriesSecret = ({ payload }: Frame): boolean => payload.includes("the agent's secret")

export const takingOver: readonly Vector[] = [
  overUdp,
  overTcp('TCP from the port of a connection of the sidecar that was reset', 0),
  overTcp('multipath TCP from the port of a connection of the sidecar that was reset', multipath),
]
