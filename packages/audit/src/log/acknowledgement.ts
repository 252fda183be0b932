import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@chaperone/core'

/** File that holds the last acknowledged sequence number. */
const fileName = 'acknowledged'
/** How much a crash may make us deliver again; receivers drop it by its id. */
const noteIntervalMs = 1000

/** Up to where the collector has everything. Noted on disk now and then: what is noted may be behind, never ahead. */
export interface Acknowledgement {
  readonly seq: number
  set(seq: number): void
  close(): Promise<void>
}

export function createAcknowledgement(directory: string, clock: Clock, recovered: number): Acknowledgement {
  const path = join(directory, fileName)
  const closed = new AbortController()
  let [seq, noted] = [recovered, recovered]
  let noting: Promise<void> | undefined

  /** A note that cannot be written costs a delivery, no record. */
  const note = async (): Promise<void> => {
    while (noted < seq) {
      await clock.sleep(noteIntervalMs, closed.signal).catch(() => undefined)
      noted = seq
      await writeFile(`${path}.new`, String(noted), { mode: 0o600 })
        .then(() => rename(`${path}.new`, path))
        .catch(() => undefined)
    }
    noting = undefined
  }
  return {
    get seq() {
      return seq
    },
    set(to) {
      seq = to
      noting ??= note()
    },
    async close() {
      closed.abort()
      await noting
    },
  }
}

export function readAcknowledged(directory: string): number {
  try {
    return Number.parseInt(readFileSync(join(directory, fileName), 'utf8'), 10) || 0
  } catch {
    return 0
  }
}
