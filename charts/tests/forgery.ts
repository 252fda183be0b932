import type { HostileContainer, HostilePod } from './injected-pod.ts'

/** What it is, what the refusal names, how it is done. */
export type Forgery = readonly [title: string, names: string, change: (pod: HostilePod) => void]

const named =
  (name: string) =>
  ({ spec }: HostilePod): HostileContainer =>
    spec.initContainers.find((container) => container.name === name)!
export const sidecar = named('chaperone-sidecar')
export const verify = named('chaperone-verify')
export const setting = (container: HostileContainer, name: string) => container.env.find((each) => each.name === name)!
export const rules = (pod: HostilePod, change: (text: string) => string): void => {
  verify(pod).command![2] = change(verify(pod).command![2]!)
}
