import type { Clock } from '@chaperone/core'
import type { Verdict } from './run-verify.ts'

/** How long the sidecar may take to listen; the kubelet restarts nothing in the pod while it waits for us. */
const listenMs = 10_000
/** How long the director may take to speak: an agent that waits starts as soon as it does. */
const directMs = 60_000
const lookIntervalMs = 20

/** The test before anything of the agent starts: no sooner than the guard is up and the sidecar listens, and until something is proved. */
export async function verifyFirst(ports: {
  readonly test: () => Promise<Verdict>
  readonly guardIsUp: () => Promise<boolean>
  readonly sidecarListens: () => Promise<boolean>
  readonly clock: Clock
  readonly write: (line: string) => void
}): Promise<Verdict> {
  const { test, guardIsUp, sidecarListens, clock, write } = ports
  const startedAt = clock.elapsedMs()
  while (!((await guardIsUp()) && (await sidecarListens()))) {
    if (clock.elapsedMs() - startedAt > listenMs) {
      write('the sidecar does not listen, nothing could be proved')
      return 'unproved'
    }
    await clock.sleep(lookIntervalMs)
  }
  for (;;) {
    const verdict = await test()
    const isOver = verdict !== 'unproved' || clock.elapsedMs() - startedAt > directMs
    if (isOver || !(await sidecarListens())) return verdict
    await clock.sleep(lookIntervalMs)
  }
}
