import { errorText } from '@chaperone/core'
import type { ApprovalGate } from './approvals/approval-gate.ts'
import type { Config } from './config.ts'
import type { Control } from './control/create-control.ts'
import type { Driver } from './drivers.ts'
import type { Counters } from './engine/counters.ts'
import type { Engine } from './engine/engine.ts'
import type { DirectedPolicyHolder } from './engine/policy-holder.ts'
import type { HealthServer } from './health/health-server.ts'
import { closeDns, stopAccepting } from './listen/listeners.ts'
import type { Machine, PodState } from './start/open-state.ts'
import type { AgentSide } from './start/serve-agent.ts'

/** What is left of a pod's grace for the collector, after exchanges had theirs. */
const deliveryMs = 6000

export interface Running {
  readonly config: Config
  readonly machine: Machine
  readonly agent: AgentSide
  readonly drivers: readonly Driver[]
  readonly control: Control
  readonly health: HealthServer | undefined
  readonly state: PodState
  readonly engine: Engine
  readonly gate: ApprovalGate
  readonly counters: Counters
  readonly policy: DirectedPolicyHolder
}

/**
 * The end, in the order that loses nothing: no new connections, exchanges finish within the grace, the last record is
 * written, the log is delivered, the director hears of it. Each step happens whatever becomes of the one before.
 */
export async function shutDown(running: Running): Promise<void> {
  const { config, machine, agent, drivers, control, health, state, engine, gate, counters, policy } = running
  const { log } = machine
  const step = async (what: string, act: () => unknown): Promise<void> => {
    try {
      await act()
    } catch (error) {
      log.error({ step: what, error: errorText(error) }, 'shutting down')
    }
  }
  log.info('shutting down')
  await step('stop accepting', () => stopAccepting(agent.listeners))
  await step('drain', () => Promise.all(drivers.map((driver) => driver.close(config.drainMs))))
  await step('cancel approvals', () => gate.close())
  await step('stop DNS', () => closeDns(agent.listeners))
  if (state.trail.log !== undefined) {
    const { requests, denied, masked } = counters.snapshot
    await step('sign the chain', () => state.trail.checkpoint())
    await step('record the end', () =>
      engine.recorder.append(
        'session.ended',
        {
          'chaperone.session.requests': requests,
          'chaperone.session.denied': denied,
          'chaperone.session.masked': masked,
        },
        { commit: true },
      ),
    )
  }
  await step('deliver records', async () => {
    if (!(await state.trail.close(deliveryMs))) log.warn('records are left in the log; the next start delivers them')
  })
  await step('leave the director', () => control.close())
  await step('end', () => {
    policy.close()
    state.containment.close()
    health?.close()
  })
}
