import { AuditLogFailedError } from '../errors.ts'

interface Pending {
  readonly frame: Buffer
  readonly commit: boolean
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export interface GroupCommit {
  /** Resolves once written, with `commit` once synced. After a failure everything rejects: an order with a hole is no order. */
  enqueue(frame: Buffer, commit: boolean): Promise<void>
  idle(): Promise<void>
}

/** Writes whatever has gathered in one turn of the loop in one go; whoever asked for a commit shares one sync. */
export function createGroupCommit(write: (frames: readonly Buffer[], commit: boolean) => Promise<void>): GroupCommit {
  let queue: Pending[] = []
  let draining: Promise<void> | undefined
  let failure: AuditLogFailedError | undefined

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue
      queue = []
      try {
        await write(
          batch.map(({ frame }) => frame),
          batch.some(({ commit }) => commit),
        )
        for (const { resolve } of batch) resolve()
      } catch (error) {
        failure = new AuditLogFailedError(error)
        for (const { reject } of [...batch, ...queue]) reject(failure)
        queue = []
      }
    }
    draining = undefined
  }

  return {
    enqueue: (frame, commit) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure)
        queue.push({ frame, commit, resolve, reject })
        draining ??= new Promise<void>((go) => setImmediate(go)).then(drain)
      }),
    idle: () => draining ?? Promise.resolve(),
  }
}
