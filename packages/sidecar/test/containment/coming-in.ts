import { sidecarPorts } from '@chaperone/guard'
import { sandboxAddresses } from '@chaperone/testkit'
import type { ContainedPod } from './contained-pod.ts'
import { textOf, type Vector } from './vector.ts'

const undeclared = 9000
const multipath = 262
const { v4, v6 } = sandboxAddresses.pod

/** The agent listens on a port, a peer connects to it: data would leave by the answer. */
const served = (name: string, where: { address: string; port: number; protocol?: number }): Vector => ({
  name,
  guarded: true,
  async run(pod) {
    await pod.agent.value('serve', where)
    try {
      return await read(pod, { ...where, address: where.address === '0.0.0.0' ? v4 : where.address })
    } finally {
      await pod.agent.value('stop_serving', { port: where.port })
    }
  },
})

/** What a peer gets to read of a server of the agent, and every frame that came out while it tried. */
export async function read(
  pod: ContainedPod,
  where: { address: string; port: number },
  fromPort = 0,
): Promise<string[]> {
  await pod.sandbox.frames()
  const { address, port } = where
  const outcome = await pod.outside.call('read_from', { address, port, from_port: fromPort })
  const leaks = (await pod.sandbox.frames()).map(textOf)
  return outcome.kind === 'done' ? [...leaks, `a peer read ${JSON.stringify(outcome.value)}`] : leaks
}

const datagram: Vector = {
  name: 'the answer to a datagram of a peer, which does not come in either,',
  guarded: true,
  async run(pod) {
    await pod.agent.value('serve_udp', { address: v4, port: undeclared })
    await pod.sandbox.frames()
    await pod.outside.call('send_to', { address: v4, port: undeclared, say: 'do this' })
    const received = (await pod.agent.value('datagrams')) as string[]
    await pod.agent.value('stop_serving', { port: undeclared })
    return [...received.map((each) => `the agent was told ${each}`), ...(await pod.sandbox.frames()).map(textOf)]
  },
}

const echo = (address: string): Vector => ({
  name: `the answer to an echo request to ${address}`,
  guarded: true,
  async run(pod) {
    await pod.sandbox.frames()
    await pod.outside.value('ping', { address })
    return (await pod.sandbox.frames()).map(textOf)
  },
})

/** What peers get out of a pod that did not declare it. */
export const comingIn: readonly Vector[] = [
  served('a server of the agent on an undeclared port', { address: v4, port: undeclared }),
  served('a server of the agent on an undeclared port over IPv6', { address: v6, port: undeclared }),
  served('a multipath server of the agent on an undeclared port', {
    address: v4,
    port: undeclared,
    protocol: multipath,
  }),
  served('a server of the agent on the health port over IPv6', { address: v6, port: sidecarPorts.health }),
  datagram,
  echo(v4),
  echo(v6),
]

const health = sidecarPorts.health

/** While the sidecar is dead, anybody may have its ports; they must be of no use. */
export const squatting: readonly Vector[] = [
  served('a server of the agent on the health port of a dead sidecar', { address: v4, port: health }),
  served('a server of the agent on the health port of a dead sidecar over IPv6', { address: v6, port: health }),
  served('a multipath server of the agent on the health port of a dead sidecar', {
    address: v4,
    port: health,
    protocol: multipath,
  }),
  served('a server of the agent in place of the listener of a dead sidecar', {
    address: '0.0.0.0',
    port: sidecarPorts.transparent,
  }),
]
