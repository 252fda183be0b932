import { Writer } from '../cursor/writer.ts'
import { recordType, responseCode, type DnsQuery, type ResponseCode } from './message.ts'

const namePointerToQuestion = 0xc00c
const flagsResponse = 0x8000
const flagsRecursionAvailable = 0x0080
const flagsRecursionDesired = 0x0100

/** An answer with addresses: 4 bytes each for A, 16 for AAAA; none gives NOERROR without data. */
export function encodeAddresses(query: DnsQuery, addresses: readonly Uint8Array[], ttlSeconds: number): Buffer {
  const writer = header(query, responseCode.noError, addresses.length)
  for (const address of addresses) {
    writer.uint16(namePointerToQuestion)
    writer.uint16(address.length === 4 ? recordType.A : recordType.AAAA)
    writer.uint16(1).uint32(ttlSeconds).uint16(address.length).bytes(address)
  }
  return withOpt(writer, query)
}

/** A refusal, a name that does not exist, or another failure. */
export function encodeFailure(query: DnsQuery, code: ResponseCode): Buffer {
  return withOpt(header(query, code, 0), query)
}

/** FORMERR for a message that could not be decoded: only its id is believed. */
export function encodeFormatError(id: number): Buffer {
  return new Writer()
    .uint16(id)
    .uint16(flagsResponse | responseCode.formatError)
    .uint16(0)
    .uint16(0)
    .uint16(0)
    .uint16(0)
    .finish()
}

function header(query: DnsQuery, code: ResponseCode, answers: number): Writer {
  const flags = flagsResponse | flagsRecursionAvailable | (query.recursionDesired ? flagsRecursionDesired : 0) | code
  return new Writer()
    .uint16(query.id)
    .uint16(flags)
    .uint16(1)
    .uint16(answers)
    .uint16(0)
    .uint16(query.edns ? 1 : 0)
    .bytes(query.question)
}

/** We never send more than fits into 512 bytes, but who speaks EDNS expects an OPT record back (RFC 6891 §6.1.1). */
function withOpt(writer: Writer, query: DnsQuery): Buffer {
  if (query.edns) writer.uint8(0).uint16(recordType.OPT).uint16(1232).uint32(0).uint16(0)
  return writer.finish()
}
