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
  decodeCopyFormat,
  decodeParameterStatus,
  decodeDataRow,
  decodeFields,
  decodeMechanisms,
  decodeReadyForQuery,
  decodeRowDescription,
  encodeAuthenticationOk,
  encodeBackendKey,
  encodeCleartextRequest,
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
  encodeCopyFail,
  encodeDescribePortal,
  encodeFlush,
  encodeQuery,
  encodeSaslInitial,
  encodeSaslResponse,
  encodeSync,
  encodeTerminate,
} from './encode-frontend.ts'
export { createScramClient, md5Password, type ChannelBinding, type ScramClient } from './scram.ts'
