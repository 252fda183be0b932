import type { Target } from '@chaperone/core'
import type { Effects, Verdict } from '@chaperone/policy'
import type { Engine } from '../engine/engine.ts'
import { ConnectionRefused } from './refuse-connection.ts'

type Policy = Pick<Engine, 'policy'>

/** Whether a connection may be open at all: an empty query passes wherever a statement could. */
export function allowsLogin(engine: Policy, target: Target): boolean {
  return loginVerdict(engine, target).kind !== 'deny'
}

/** What logging in takes by policy. To be asked before anything is dialled; throws where nothing may be. */
export function permitLogin(engine: Policy, target: Target): Pick<Effects, 'credential' | 'cidrs'> {
  const verdict = loginVerdict(engine, target)
  if (verdict.kind === 'deny') throw new ConnectionRefused({ ...verdict, kind: 'refuse' })
  return verdict.effects
}

function loginVerdict({ policy }: Policy, target: Target): Verdict {
  const sql = { system: 'postgresql', database: '', user: '', text: '', statements: [] } as const
  return policy.peek({ protocol: 'Postgres', target, sql })
}
