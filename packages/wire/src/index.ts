export { WireError, type WireErrorCode } from './errors.ts'
export {
  isHostName,
  maxHelloBytes,
  parseClientHello,
  type ClientHello,
  type HelloResult,
} from './tls-hello/client-hello.ts'
export { detectProtocol, maxDetectBytes, type Detected } from './detect/detect-protocol.ts'
export * as dns from './dns/index.ts'
export * as postgres from './postgres/index.ts'
export * as websocket from './websocket/index.ts'
