import { WireError } from '../errors.ts'
import type { Reader } from '../cursor/reader.ts'
import { maxLabelBytes, maxNameBytes } from './message.ts'

/**
 * Reads an uncompressed name (RFC 1035 §3.1). Questions never need compression, so that a pointer here is an attack or a
 * mistake. Bytes outside printable ASCII are refused: no host name has them.
 */
export function readName(reader: Reader): string {
  const labels: string[] = []
  let bytes = 1
  for (;;) {
    const length = reader.uint8()
    if (length === 0) return labels.join('.').toLowerCase()
    if (length > maxLabelBytes)
      throw new WireError('ERR_WIRE_MALFORMED', `label: expected at most ${maxLabelBytes} bytes and no pointer`)
    bytes += length + 1
    if (bytes > maxNameBytes) throw new WireError('ERR_WIRE_LENGTH', `name: at most ${maxNameBytes} bytes`)
    const label = reader.take(length).toString('latin1')
    if (!/^[!-~]+$/.test(label) || label.includes('.'))
      throw new WireError('ERR_WIRE_MALFORMED', 'label: expected printable ASCII without dots')
    labels.push(label)
  }
}
