import { contained, escaped, type Check } from './check.ts'
import { connected } from './redirected-tcp.ts'

/** The sidecar's own ports are not for the agent: it would speak to the listener without a destination. */
export function closedPort(name: string, address: string, port: number): Check {
  return {
    name,
    async run() {
      try {
        ;(await connected(address, port)).destroy()
        return escaped('the port accepts connections of the agent')
      } catch (error) {
        return contained(`refused: ${(error as NodeJS.ErrnoException).code ?? 'timeout'}`)
      }
    },
  }
}
