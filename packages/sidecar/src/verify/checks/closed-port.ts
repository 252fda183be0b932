import { contained, escaped, type Check } from './check.ts'
import { connected } from './redirected-tcp.ts'

/** What only the kubelet may ask is not for the agent. Listeners for the agent's traffic close what was not led to them. */
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
