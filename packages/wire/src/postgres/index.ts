export { createFrameDecoder, frame, maxFrameBytes, type Frame } from './frame.ts'
export {
  decodeStartup,
  encodeCancelRequest,
  encodeSslRequest,
  encodeStartup,
  maxStartupBytes,
  type StartupMessage,
} from './startup.ts'
export {
  decodeBind,
  decodeExecutePortal,
  decodeParse,
  decodeQuerySql,
  decodeTarget,
  type BindMessage,
  type ParseMessage,
} from './frontend.ts'
export {
  authentication,
  decodeAuthentication,
  decodeBackendKey,
  decodeDataRow,
  decodeFields,
  decodeMechanisms,
  decodeReadyForQuery,
  decodeRowDescription,
  encodeAuthenticationOk,
  encodeBackendKey,
  encodeDataRow,
  encodeError,
  encodeFields,
  encodeNegotiateProtocolVersion,
  encodeParameterStatus,
  encodeReadyForQuery,
  type Column,
  type ErrorFields,
  type TransactionState,
} from './backend.ts'
export {
  encodePassword,
  encodeQuery,
  encodeSaslInitial,
  encodeSaslResponse,
  encodeSync,
  encodeTerminate,
} from './encode-frontend.ts'
export { createScramClient, md5Password, type ScramClient } from './scram.ts'
