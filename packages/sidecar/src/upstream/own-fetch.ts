import type { LookupFunction } from 'node:net'
import { Agent, fetch as undiciFetch } from 'undici'

/** `fetch` for the sidecar's own exporters, whose names are resolved by us and not by /etc/hosts. */
export function createOwnFetch(lookup: LookupFunction): typeof globalThis.fetch {
  const dispatcher = new Agent({ connect: { lookup } })
  const own = (input: string, init: object) => undiciFetch(input, { ...init, dispatcher })
  return own as unknown as typeof globalThis.fetch
}
