import { createHash, type Hash } from 'node:crypto'
import { parseByteQuantity } from '@chaperone/api'
import { createTally, MaskError, type Finding, type Mask } from '@chaperone/mask'
import type { websocket } from '@chaperone/wire'
import type { Attributes, Engine } from '../engine/engine.ts'
import type { PassedExchange } from '../http/exchange.ts'
import { maxMaskedMessageBytes } from './limits.ts'
import { maskMessage } from './mask-message.ts'

/** What one side sent: counted always, recorded where the rule says so. */
export interface MessageJournal {
  /** Resolves when the last part of a message is recorded; the part goes out only then. */
  add(frame: websocket.DataFrame, findings: readonly Finding[]): Promise<void>
  readonly messages: number
  readonly bytes: number
}

export interface JournalOptions {
  readonly engine: Engine
  readonly passed: PassedExchange
  /** Of every record of this WebSocket. */
  readonly attributes: Attributes
  /** As the agent sees it (OpenTelemetry, `network.io.direction`). */
  readonly direction: 'transmit' | 'receive'
}

interface OpenMessage {
  readonly hash: Hash
  readonly kept: Buffer[]
  bytes: number
}

export function createMessageJournal(options: JournalOptions): MessageJournal {
  const { engine, passed, attributes, direction } = options
  const { auditLevel } = passed.effects
  const isRecorded = auditLevel === 'RequestResponse' || (auditLevel === 'Request' && direction === 'transmit')
  // What the agent sends is masked for the record only, and for that it must be whole.
  const recordMask = direction === 'transmit' ? passed.mask : undefined
  const maxBodyBytes = parseByteQuantity(engine.policy.current?.source.audit.maxBodyBytes ?? '0')
  const maxKeptBytes = recordMask === undefined ? maxBodyBytes : maxMaskedMessageBytes
  let open: OpenMessage | undefined
  let messages = 0
  let bytes = 0

  const record = async (kind: websocket.DataFrame['kind'], message: OpenMessage, found: readonly Finding[]) => {
    const whole = message.bytes <= maxKeptBytes
    const kept = Buffer.concat(message.kept)
    const shown =
      kind === 'binary' ? undefined : recordMask === undefined ? kept : whole ? maskedText(kept, recordMask) : undefined
    const body = shown === undefined ? undefined : firstCharacters(shown, maxBodyBytes)
    await engine.recorder.append(
      'message',
      {
        ...attributes,
        'network.io.direction': direction,
        'chaperone.message.opcode': kind,
        'chaperone.message.size': message.bytes,
        'chaperone.body.sha256': message.hash.digest('hex'),
        'chaperone.body.truncated': body === undefined ? undefined : !whole || (shown?.length ?? 0) > maxBodyBytes,
        'chaperone.mask.count': found.reduce((sum, { count }) => sum + count, 0),
        'chaperone.mask.detectors': found.map(({ detector }) => detector),
      },
      body === undefined ? {} : { body },
    )
  }

  return {
    get messages() {
      return messages
    },
    get bytes() {
      return bytes
    },
    async add({ kind, payload, final }, findings) {
      bytes += payload.length
      if (final) messages++
      if (!isRecorded) return
      const message = (open ??= { hash: createHash('sha256'), kept: [], bytes: 0 })
      message.hash.update(payload)
      if (kind === 'text' && message.bytes < maxKeptBytes)
        message.kept.push(payload.subarray(0, maxKeptBytes - message.bytes))
      message.bytes += payload.length
      if (!final) return
      open = undefined
      await record(kind, message, findings)
    },
  }
}

/** Undefined for what cannot be masked: then only size and hash are recorded. */
function maskedText(text: Buffer, mask: Mask): Buffer | undefined {
  try {
    return Buffer.from(maskMessage(text.toString('utf8'), mask, createTally()))
  } catch (error) {
    if (error instanceof MaskError) return undefined
    throw error
  }
}

/** As many whole characters as fit. */
function firstCharacters(text: Buffer, maxBytes: number): string {
  return new TextDecoder().decode(text.subarray(0, maxBytes), { stream: true })
}
