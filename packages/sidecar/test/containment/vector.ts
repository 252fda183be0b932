import type { Frame, Outcome } from '@chaperone/testkit'
import type { ContainedPod } from './contained-pod.ts'

/** One thing that a hostile agent tries, or that an honest one relies on. */
export interface Vector {
  /** As the subject of "… reaches nobody outside", or a whole sentence of what works. */
  readonly name: string
  /** Tries it and says what got out, or what did not work; nothing when all is well. */
  run(pod: ContainedPod): Promise<readonly string[]>
  /** Whether the guard is what stops it: without one, `run` must find something. Otherwise the kernel or the sidecar does. */
  readonly guarded: boolean
}

/** Who tries it. */
export type Attacker = 'agent' | 'rootAgent' | 'rawAgent'

export interface Attempt {
  readonly name: string
  readonly call: string
  readonly args?: Readonly<Record<string, unknown>>
  readonly by?: Attacker
  /** The error that the agent gets: at once, so that programs need not wait for an answer. */
  readonly told?: string
  readonly guarded?: boolean
}

/** A single call of the agent, after which no frame may have come out of the pod. */
export function attempt({ name, call, args = {}, by = 'agent', told, guarded = true }: Attempt): Vector {
  return {
    name,
    guarded,
    async run(pod) {
      await pod.sandbox.frames()
      const outcome = await pod[by].call(call, args)
      const leaks = (await pod.sandbox.frames()).map(textOf)
      return told === undefined || told === errnoOf(outcome)
        ? leaks
        : [...leaks, `the agent was told ${errnoOf(outcome)}`]
    },
  }
}

export const textOf = ({ text }: Frame): string => text

export const errnoOf = (outcome: Outcome): string => (outcome.kind === 'refused' ? outcome.errno : 'that it worked')
