import type { Agent } from './agent.ts'

const ending = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** How signals travel while a run is under way. */
export interface SignalRelay {
  /** Passes one on, as if it had been sent to us: Ctrl-C at a prompt is a key, not a signal. */
  relay(name: NodeJS.Signals): void
  /** From now on the agent decides what a signal means; before, it ends the run. */
  started(): void
  close(): void
}

/**
 * Passes what would end us on to the agent, so that a run ends in order; a second time ends it at once. An agent that has
 * the terminal may be interrupted as often as it likes: there Ctrl-C means "stop this", not "end".
 */
export function passOnSignals(agent: Agent, options: { readonly agentHasTerminal: boolean }): SignalRelay {
  let isStarted = false
  let received = 0
  const relay = (name: NodeJS.Signals): void => {
    const isInterrupt = name === 'SIGINT' && options.agentHasTerminal
    if (isStarted && (isInterrupt || received++ === 0)) agent.signal(name)
    else agent.stop()
  }
  for (const name of ending) process.on(name, relay)
  return {
    relay,
    started: () => (isStarted = true),
    close() {
      for (const name of ending) process.off(name, relay)
    },
  }
}
