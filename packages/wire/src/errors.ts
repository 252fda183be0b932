import { PeerProtocolError } from '@chaperone/core'

export type WireErrorCode = 'ERR_WIRE_TRUNCATED' | 'ERR_WIRE_LENGTH' | 'ERR_WIRE_MALFORMED' | 'ERR_WIRE_UNSUPPORTED'

/** The only error that a decoder lets escape: the peer's bytes are not what the protocol says. */
export class WireError extends PeerProtocolError<WireErrorCode> {}
