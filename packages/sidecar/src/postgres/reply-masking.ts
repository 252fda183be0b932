import { isUtf8 } from 'node:buffer'
import type { Mask, Tally } from '@chaperone/mask'
import { postgres, WireError } from '@chaperone/wire'
import { postgresRefusal } from '../rescue/postgres.ts'
import type { Catalog } from './catalog.ts'
import { maskMessage } from './message-masking.ts'
import { maskRow, planColumns, type ColumnPlan } from './row-masking.ts'

/** Masks replies one after the other; what a description has said holds for the rows behind it. */
export interface ReplyMasker {
  mask(frame: postgres.Frame, mask: Mask, tally: Tally): Promise<Buffer>
  /** An answer could not be masked: the client was told so, and may get nothing more of it before ReadyForQuery. */
  readonly withholds: boolean
  ready(): void
}

interface Described {
  readonly columns: readonly postgres.Column[]
  readonly plan: readonly ColumnPlan[]
}

export function createReplyMasker(catalog: Pick<Catalog, 'load'>): ReplyMasker {
  let described: Described | undefined
  let withholds = false

  const describe = async (frame: postgres.Frame, mask: Mask): Promise<Described> => {
    const columns = postgres.decodeRowDescription(frame)
    const oids = mask.columns.length === 0 ? [] : columns.map((column) => column.tableOid)
    return { columns, plan: planColumns(columns, mask, await catalog.load(oids)) }
  }
  const withhold = (): Buffer => {
    withholds = true
    return copyWithheld
  }

  return {
    get withholds() {
      return withholds
    },
    ready: () => void (withholds = false),
    async mask(frame, mask, tally) {
      switch (frame.type) {
        case 'T':
          described = await describe(frame, mask)
          return frame.bytes
        case 'n':
          described = undefined
          return frame.bytes
        case 'D':
          if (described === undefined)
            throw new WireError('ERR_WIRE_MALFORMED', 'row: expected a description before it')
          return maskRow(frame, described.columns, described.plan, { mask, tally })
        case 'H':
          return postgres.decodeCopyFormat(frame) === 'binary' ? withhold() : frame.bytes
        case 'd':
          return isUtf8(frame.body)
            ? postgres.frame('d', Buffer.from(mask.text(frame.body.toString('utf8'), tally)))
            : withhold()
        case 'E':
        case 'N':
          return maskMessage(frame, mask, tally)
        case 'A':
          return maskNotification(frame, mask, tally)
        default:
          return frame.bytes
      }
    },
  }
}

const copyWithheld = postgresRefusal({
  kind: 'refuse',
  reason: 'MaskingFailed',
  message: 'COPY is masked as UTF-8 text only; use another format, or SELECT',
})

/** NotificationResponse: process, channel, payload (docs ch. 55.7). */
function maskNotification({ body, bytes }: postgres.Frame, mask: Mask, tally: Tally): Buffer {
  const text = body.toString('utf8', 4)
  const masked = mask.text(text, tally)
  return masked === text ? bytes : postgres.frame('A', Buffer.concat([body.subarray(0, 4), Buffer.from(masked)]))
}
