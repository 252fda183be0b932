import { Reader } from '../cursor/reader.ts'
import { WireError } from '../errors.ts'
import { recordType, type DnsQuery } from './message.ts'
import { readName } from './name.ts'

/** Larger queries carry data, not questions. */
export const maxQueryBytes = 512

/** Decodes a standard query with exactly one question (RFC 1035 §4); an EDNS OPT record may follow (RFC 6891). */
export function decodeQuery(bytes: Uint8Array): DnsQuery {
  if (bytes.length > maxQueryBytes) throw new WireError('ERR_WIRE_LENGTH', `query: at most ${maxQueryBytes} bytes`)
  const reader = new Reader(bytes)
  const id = reader.uint16()
  const flags = reader.uint16()
  const [questions, answers, authorities, additionals] = [
    reader.uint16(),
    reader.uint16(),
    reader.uint16(),
    reader.uint16(),
  ]
  if ((flags & 0x8000) !== 0) throw new WireError('ERR_WIRE_MALFORMED', 'flags: expected a query')
  if (((flags >> 11) & 0xf) !== 0) throw new WireError('ERR_WIRE_UNSUPPORTED', 'opcode: expected QUERY')
  if (questions !== 1 || answers !== 0 || authorities !== 0 || additionals > 1)
    throw new WireError('ERR_WIRE_MALFORMED', 'counts: expected one question and at most an OPT record')
  const start = reader.position
  const name = readName(reader)
  const [type, klass] = [reader.uint16(), reader.uint16()]
  const question = Buffer.from(bytes.subarray(start, reader.position))
  const edns = additionals === 1 && readOpt(reader)
  reader.end('query')
  return { id, recursionDesired: (flags & 0x0100) !== 0, name, type, class: klass, question, edns }
}

function readOpt(reader: Reader): true {
  if (reader.uint8() !== 0 || reader.uint16() !== recordType.OPT)
    throw new WireError('ERR_WIRE_MALFORMED', 'additional record: expected OPT at the root')
  reader.take(6)
  reader.take(reader.uint16())
  return true
}
