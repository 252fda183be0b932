import { WireError, type WireErrorCode } from '../errors.ts'

/** Status codes of RFC 6455 §7.4.1 that a decoder answers with: protocol error, invalid data, message too big. */
export type FailureCode = 1002 | 1007 | 1009

/** Bytes that fail the connection (RFC 6455 §7.1.7); `closeCode` is what the peer is told. */
export class WebSocketError extends WireError {
  readonly closeCode: FailureCode

  constructor(code: WireErrorCode, closeCode: FailureCode, message: string) {
    super(code, message)
    this.closeCode = closeCode
  }
}
