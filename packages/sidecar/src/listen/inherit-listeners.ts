import { Socket as UdpSocket } from 'node:dgram'
import { Server } from 'node:net'
import { EnvironmentError } from '../errors.ts'
import { listenerRoles, type ListenerRole, type Listeners } from './listeners.ts'

/**
 * What passes over the IPC channel (`child_process.fork`, or `stdio: 'ipc'`) of a laptop's sidecar. The sidecar says
 * `send-listeners` when it can take them; the parent sends each with its role and `listeners-sent` after the last; the
 * sidecar says `serving` when the first policy is in force.
 */
export type ParentMessage =
  { readonly type: 'listener'; readonly role: ListenerRole } | { readonly type: 'listeners-sent' }
export type SidecarMessage = { readonly type: 'send-listeners' } | { readonly type: 'serving' }

/** The IPC side of `process`. */
export interface ParentChannel {
  readonly send?: ((message: SidecarMessage) => boolean) | undefined
  on(event: 'message', listener: (message: unknown, handle: unknown) => void): unknown
  removeListener(event: 'message', listener: (message: unknown, handle: unknown) => void): unknown
}

/** A parent that has nothing to hand over is not the one we were started by. */
const handOverTimeoutMs = 10_000

/** Takes listeners over. `onListener` runs as each arrives, for its first connection may be there already. */
export function inheritListeners(
  channel: ParentChannel,
  onListener: (role: ListenerRole, handle: Server | UdpSocket) => void,
): Promise<Listeners> {
  const taken = {
    transparent: [] as Server[],
    dnsTcp: [] as Server[],
    dnsUdp: [] as UdpSocket[],
    quic: [] as UdpSocket[],
    udp: [] as UdpSocket[],
    proxy: [] as Server[],
  }
  return new Promise((resolve, reject) => {
    const fail = (message: string): void => settle(() => reject(new EnvironmentError('ERR_ENVIRONMENT', message)))
    const timeout = setTimeout(() => fail('no listeners arrived over the IPC channel'), handOverTimeoutMs)
    const settle = (how: () => void): void => {
      clearTimeout(timeout)
      channel.removeListener('message', onMessage)
      how()
    }
    const onMessage = (message: unknown, handle: unknown): void => {
      const { type, role } = message as Partial<{ type: string; role: ListenerRole }>
      if (type === 'listeners-sent') return settle(() => resolve(taken))
      if (type !== 'listener' || role === undefined || !listenerRoles.includes(role)) return
      if (role === 'dnsUdp' || role === 'quic' || role === 'udp') {
        if (!(handle instanceof UdpSocket)) return fail(`the listener for ${role} is of the wrong kind`)
        taken[role].push(handle)
      } else if (handle instanceof Server) taken[role].push(asOurs(handle))
      else return fail(`the listener for ${role} is of the wrong kind`)
      onListener(role, handle)
    }
    channel.on('message', onMessage)
    if (channel.send?.({ type: 'send-listeners' }) === undefined) fail('there is no IPC channel')
  })
}

/** A server that came over the channel has the defaults of the library, not ours. */
function asOurs(server: Server): Server {
  return Object.assign(server, { allowHalfOpen: true, noDelay: true })
}
