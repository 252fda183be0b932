import { AuditLogFailedError } from '../errors.ts'

export interface GroupCommit<Entry> {
  /** Resolves once written, with `commit` once synced. When a write fails, what waits behind it is rejected too: an order with a hole is no order. */
  enqueue(entry: Entry, commit: boolean): Promise<void>
  idle(): Promise<void>
}

/** What shares one write, one sync and one promise. */
interface Batch<Entry> extends PromiseWithResolvers<void> {
  readonly entries: Entry[]
  commit: boolean
}

/** Writes whatever has gathered in one turn of the loop in one go; whoever asked for a commit shares one sync. `onLost` runs before anything more is let in. */
export function createGroupCommit<Entry>(
  write: (entries: readonly Entry[], commit: boolean) => Promise<void>,
  onLost: () => void,
): GroupCommit<Entry> {
  let next: Batch<Entry> | undefined
  let draining: Promise<void> | undefined

  const take = (): Batch<Entry> | undefined => {
    const batch = next
    next = undefined
    return batch
  }
  const drain = async (): Promise<void> => {
    for (let batch = take(); batch !== undefined; batch = take()) {
      try {
        await write(batch.entries, batch.commit)
        batch.resolve()
      } catch (error) {
        const failure = new AuditLogFailedError(error)
        batch.reject(failure)
        take()?.reject(failure)
        onLost()
      }
    }
    draining = undefined
  }

  return {
    enqueue(entry, commit) {
      next ??= { ...Promise.withResolvers<void>(), entries: [], commit: false }
      next.entries.push(entry)
      next.commit ||= commit
      draining ??= new Promise<void>((go) => setImmediate(go)).then(drain)
      return next.promise
    },
    idle: () => draining ?? Promise.resolve(),
  }
}
