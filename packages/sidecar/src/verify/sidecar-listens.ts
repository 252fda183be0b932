import { readFile } from 'node:fs/promises'
import { sidecarPorts } from '@chaperone/guard'

/** Seen in proc(5), which tells of the sockets of the whole pod; to connect would be an attempt that the sidecar records. */
export async function sidecarListens(): Promise<boolean> {
  return hasListener(await readFile('/proc/net/tcp', 'utf8'), sidecarPorts.transparent)
}

/** Whether anybody listens on 127.0.0.1 and this port: addresses are in the order of the machine, state 0A is LISTEN. */
export function hasListener(procNetTcp: string, port: number): boolean {
  return procNetTcp.includes(` 0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A `)
}
