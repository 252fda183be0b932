import type { NameResolver } from './resolver.ts'

/** Where the cluster's API is: the address that the kubelet tells every container, and where its name leads. */
export type ApiServerAddresses = () => Promise<readonly string[]>

const anyPort = 0

export function createApiServerAddresses(
  resolver: NameResolver,
  name: string | undefined,
  told: readonly string[],
): ApiServerAddresses {
  let found: readonly string[] = []
  return async () => {
    if (name === undefined) return told
    // The Service keeps its address as long as the cluster lives: where the name does not resolve now, what it was holds.
    found = await resolver.resolve({ host: name, port: anyPort }).then(
      ({ addresses }) => addresses,
      () => found,
    )
    return [...told, ...found]
  }
}
