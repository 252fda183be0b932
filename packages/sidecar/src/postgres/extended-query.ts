import type { Mask } from '@chaperone/mask'
import { postgres } from '@chaperone/wire'
import type { ClientSessionPorts } from './client-session.ts'
import { expectStep, judgeBatch } from './judge-batch.ts'
import { write } from './frames.ts'
import { denied, type Denied } from './judge.ts'
import { maxBatchBytes, maxBatchMessages } from './limits.ts'

/** The extended protocol (docs ch. 55.2.3): messages gather until Sync or Flush, and are judged together. */
export interface ExtendedQuery {
  /** Everything up to the next Sync is dropped, as the server itself does after an error. */
  readonly skipping: boolean
  /** Messages have gathered that were not judged yet. */
  readonly pending: boolean
  /** Takes Parse, Bind, Describe, Execute or Close. */
  gather(frame: postgres.Frame): Promise<void>
  /** Judges what has gathered, and has the server answer it when all of it may pass. */
  flush(): Promise<void>
  sync(): Promise<void>
}

export function createExtendedQuery(ports: ClientSessionPorts): ExtendedQuery {
  const { client, server, pump } = ports
  let gathered: postgres.Frame[] = []
  let gatheredBytes = 0
  /** The server has been sent a part of this sequence, and needs its Sync. */
  let isOpen = false
  let isDenied = false
  /** Errors of any message of a sequence may speak of what its statements have read. */
  let mask: Mask | undefined

  const isSkipping = (): boolean => isDenied || pump.replies.failed
  const clear = (): void => {
    gathered = []
    gatheredBytes = 0
  }
  const deny = async ({ response }: Denied): Promise<void> => {
    clear()
    isDenied = true
    await pump.idle()
    // A sequence has one error: what follows the server's own is not even looked at.
    if (!pump.replies.failed) await write(client, response)
  }

  /** Judges and writes what has gathered. COPY is flushed rather than synced: Sync means nothing while data is sent. */
  const forward = async (end: 'flush' | 'sync'): Promise<'denied' | 'flushed' | 'synced'> => {
    const steps = await judgeBatch(ports, gathered)
    if ('kind' in steps) {
      await deny(steps)
      return 'denied'
    }
    clear()
    isOpen = true
    mask = steps.find(({ permit }) => permit?.mask !== undefined)?.permit?.mask ?? mask
    const out = steps.flatMap((step) => expectStep(ports, step, mask))
    const syncs = end === 'sync' && steps.at(-1)?.permit?.copies !== true
    if (syncs) pump.replies.push({ kind: 'sync', mask })
    await write(server, Buffer.concat([...out, syncs ? postgres.encodeSync() : postgres.encodeFlush()]))
    return syncs ? 'synced' : 'flushed'
  }

  const endSequence = (): void => {
    clear()
    isOpen = false
    isDenied = false
    mask = undefined
  }

  return {
    get skipping() {
      return isSkipping()
    },
    get pending() {
      return gathered.length > 0
    },
    async gather(frame) {
      gathered.push(frame)
      gatheredBytes += frame.bytes.length
      if (gatheredBytes > maxBatchBytes || gathered.length > maxBatchMessages) await deny(tooMuch)
    },
    async flush() {
      await forward('flush')
    },
    async sync() {
      const outcome = isSkipping() || gathered.length === 0 ? 'nothing' : await forward('sync')
      if (outcome === 'flushed') {
        await pump.copySettled()
        if (pump.replies.copyIn) return
      }
      if (outcome !== 'synced' && isOpen) {
        pump.replies.push({ kind: 'sync', mask })
        await write(server, postgres.encodeSync())
      } else if (outcome !== 'synced') {
        await pump.idle()
        await write(client, postgres.encodeReadyForQuery(pump.transaction))
      }
      endSequence()
    },
  }
}

const tooMuch = denied({
  kind: 'refuse',
  reason: 'BodyTooLarge',
  message: `at most ${maxBatchMessages} messages and ${maxBatchBytes} bytes before Sync or Flush`,
})
