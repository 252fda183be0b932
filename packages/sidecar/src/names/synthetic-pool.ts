/** What a synthetic address stands for. */
export interface SyntheticName {
  /** As rules name it. */
  readonly name: string
  /** Other names that the agent may say for it: `db.prod.svc.cluster.local` for `db.prod.svc`. */
  readonly aliases: readonly string[]
}

export interface SyntheticPool {
  /** The address of a name, the same as long as the name is remembered. */
  addressOf(name: SyntheticName): SyntheticAddress
  /** What an address stands for; undefined for one that was never given, or is forgotten. */
  nameAt(address: string): SyntheticName | undefined
  /** Keeps a name from being forgotten while a connection uses it. Returns the way to let go, once. */
  hold(name: string): () => void
  readonly size: number
}

export interface SyntheticAddress {
  /** In 240.240.0.0/16, as a dotted quad. */
  readonly v4: string
  /** The same within 100::/64, the discard-only prefix (RFC 6666), for pods without IPv4. */
  readonly v6: string
}

/** Names remembered at once: half the range, so that an address is used again as late as possible. */
export const maxNames = 32_768
/** 240.240.0.0/16, as Istio gives out; no host has it. The first and last address are left out. */
const firstIndex = 1
const lastIndex = 0xfffe

interface Entry {
  readonly index: number
  readonly value: SyntheticName
  holds: number
}

/** Names by number. Forgets the name that was not asked for longest when there are too many. */
export function createSyntheticPool(limit: number = maxNames): SyntheticPool {
  /** In order of use: maps keep insertion order, and every use inserts anew. */
  const byName = new Map<string, Entry>()
  const byIndex = new Map<number, Entry>()
  let cursor = firstIndex

  const forget = (entry: Entry): void => {
    byName.delete(entry.value.name)
    byIndex.delete(entry.index)
  }
  const makeRoom = (): void => {
    for (const entry of byName.values()) {
      if (byName.size < limit) return
      if (entry.holds === 0) forget(entry)
    }
  }
  const freeIndex = (): number => {
    // There are twice as many addresses as names, and connections are bounded far below that.
    while (byIndex.has(cursor)) cursor = next(cursor)
    const index = cursor
    cursor = next(cursor)
    return index
  }

  return {
    addressOf(value) {
      const known = byName.get(value.name)
      if (known === undefined) makeRoom()
      const aliases = [...new Set([...(known?.value.aliases ?? []), ...value.aliases])].slice(0, maxAliases)
      const entry: Entry = {
        index: known?.index ?? freeIndex(),
        value: { name: value.name, aliases },
        holds: known?.holds ?? 0,
      }
      byName.delete(value.name)
      byName.set(value.name, entry)
      byIndex.set(entry.index, entry)
      return addressAt(entry.index)
    },
    nameAt(address) {
      const index = indexOf(address)
      return index === undefined ? undefined : byIndex.get(index)?.value
    },
    hold(name) {
      const change = (by: number): void => {
        const entry = byName.get(name)
        if (entry !== undefined) entry.holds += by
      }
      change(1)
      let held = true
      return () => {
        if (held) change(-1)
        held = false
      }
    },
    get size() {
      return byName.size
    },
  }
}

/** One name is asked below few suffixes; more are an attempt to fill memory. */
const maxAliases = 8

/** Whether the address lies in a synthetic range, given or not. */
export function isSynthetic(address: string): boolean {
  return indexOf(address) !== undefined
}

const next = (index: number): number => (index === lastIndex ? firstIndex : index + 1)

function addressAt(index: number): SyntheticAddress {
  const [high, low] = [index >> 8, index & 0xff]
  return { v4: `240.240.${high}.${low}`, v6: `100::f0f0:${index.toString(16)}` }
}

function indexOf(address: string): number | undefined {
  const quad = /^(?:::ffff:)?240\.240\.(\d{1,3})\.(\d{1,3})$/.exec(address)
  if (quad !== null) return Number(quad[1]) * 256 + Number(quad[2])
  const hex = /^100::f0f0:([0-9a-f]{1,4})$/.exec(address)
  return hex === null ? undefined : Number.parseInt(hex[1] ?? '', 16)
}
