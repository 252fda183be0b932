import type { Kubectl } from '../harness/cluster.ts'

/** Admissions of pods, one after the other, as the API server judges them; no pod is made. */
export interface Admissions {
  /** Ends the series; gives how many there were and what went wrong with those that did. */
  stop(): Promise<{ count: number; failures: string[] }>
  /** Resolves after so many more. */
  pass(more: number): Promise<void>
}

/** Each must be admitted and injected. */
export function startAdmissions(kubectl: Kubectl, pod: object): Admissions {
  const failures: string[] = []
  let count = 0
  let stopped = false
  let waiting: { readonly until: number; readonly resolve: () => void }[] = []
  const run = async (): Promise<void> => {
    while (!stopped) {
      const { code, stdout, stderr } = await kubectl.tryAdmit(pod)
      if (code !== 0) failures.push(stderr)
      else if (!stdout.includes('chaperone-verify')) failures.push('admitted without injection')
      count += 1
      for (const { until, resolve } of waiting) if (count >= until) resolve()
      waiting = waiting.filter(({ until }) => count < until)
    }
  }
  const running = run()
  return {
    pass: (more) => new Promise((resolve) => waiting.push({ until: count + more, resolve })),
    async stop() {
      stopped = true
      await running
      return { count, failures }
    },
  }
}
