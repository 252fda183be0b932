import { networkInterfaces } from 'node:os'

/** How long a reading of the interfaces is used; a pod's addresses do not change, a laptop's do. */
const freshMs = 5000

/** Addresses of this network namespace, without loopback. */
export function ownAddresses(elapsedMs: () => number): () => readonly string[] {
  let read: { readonly atMs: number; readonly addresses: readonly string[] } | undefined
  return () => {
    if (read === undefined || elapsedMs() - read.atMs > freshMs) read = { atMs: elapsedMs(), addresses: external() }
    return read.addresses
  }
}

/** Whether agents can only be given IPv6 addresses. */
export function hasOnlyIpv6(): boolean {
  const addresses = external()
  return addresses.length > 0 && addresses.every((address) => address.includes(':'))
}

function external(): string[] {
  return Object.values(networkInterfaces()).flatMap((entries) =>
    (entries ?? []).flatMap((entry) => (entry.internal ? [] : entry.address)),
  )
}
