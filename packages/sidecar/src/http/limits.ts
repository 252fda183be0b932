/** A head larger than this is answered with 431. Cookies and tokens fit. */
export const maxHeadBytes = 32 * 1024
export const maxHeaders = 200
/** How long a client may take; and how often it hears of us; all in milliseconds. */
export interface ClientTimeouts {
  readonly headMs: number
  readonly requestMs: number
  readonly keepAliveMs: number
  readonly handshakeMs: number
  readonly checkMs: number
  readonly signMs: number
}
export const clientTimeouts: ClientTimeouts = {
  /** A client that has not sent its whole head by then is hostile or gone. */
  headMs: 30_000,
  /** Agents upload for long; a request that never ends is cut. */
  requestMs: 30 * 60_000,
  /** Between two requests on one connection. */
  keepAliveMs: 90_000,
  /** From the ClientHello to the end of the TLS handshake, the making of a certificate included. */
  handshakeMs: 15_000,
  /** How often the first two are looked at. */
  checkMs: 5_000,
  /** How often a client is told that its request is held; silence of 30 s is where the first of them hang up. */
  signMs: 20_000,
}
/** Bodies that a rule must see whole before it decides. */
export const maxJudgedBodyBytes = 1024 * 1024
/** Models think for minutes before the first byte, and between two. */
export const upstreamHeadTimeoutMs = 10 * 60_000
export const upstreamIdleTimeoutMs = 10 * 60_000
/** Streams that one HTTP/2 connection may have open at once. */
export const maxStreams = 128
/** Upstream pools kept; the least recently used is closed. */
export const maxPools = 128
/** Connections to one upstream. */
export const maxUpstreamConnections = 64
/** Decompressed to compressed bytes; beyond it a body is a bomb. */
export const maxExpansion = 200
/** How long an agent may wait for a decision by one request; clients give up on a head after a minute or two. */
export const maxApprovalWaitMs = 60_000
