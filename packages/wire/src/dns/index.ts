export { recordType, responseCode, type DnsQuery, type ResponseCode } from './message.ts'
export { decodeQuery, maxQueryBytes } from './decode-query.ts'
export { encodeAddresses, encodeFailure, encodeFormatError } from './encode-answer.ts'
export { createTcpFrames, frameForTcp } from './tcp-frames.ts'
