export {
  createFrameDecoder,
  maxMessageBytes,
  maxPartBytes,
  type FrameDecoder,
  type FrameDecoderOptions,
} from './decode-frames.ts'
export { WebSocketError, type FailureCode } from './errors.ts'
export { encodeFrame, type CloseFrame, type ControlFrame, type DataFrame, type Frame } from './frame.ts'
export { acceptOf, checkAnswer, decodeOffer, decodeProtocols, version, type Offer } from './handshake.ts'
