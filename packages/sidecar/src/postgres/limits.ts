/** How long a peer may take; all in milliseconds. */
export interface PostgresTimeouts {
  readonly startupMs: number
  readonly loginMs: number
  readonly catalogMs: number
  readonly heldNoticeMs: number
  readonly lingerMs: number
}
export const postgresTimeouts: PostgresTimeouts = {
  /** From the first byte awaited to a complete start-up message, the TLS handshake included. */
  startupMs: 15_000,
  /** From start-up to the first ReadyForQuery: dialling, TLS, authentication, and an agent that is asked for its password. */
  loginMs: 30_000,
  /** One look at the catalogue, for the names of columns. */
  catalogMs: 10_000,
  /** Between two signs of life while a statement waits for a person; load balancers cut what is silent for a minute. */
  heldNoticeMs: 20_000,
  /** After our last word, until a client that does not close is cut. */
  lingerMs: 2_000,
}
/** As PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH: more is no password. */
export const maxPasswordBytes = 65_535
/** Prepared statements that one connection may have, and portals. */
export const maxPrepared = 4096
/** Their texts and bind values together. */
export const maxPreparedBytes = 32 * 1024 * 1024
/** Messages gathered until Sync or Flush, before they are judged together: an `executemany` of some 20,000 rows. */
export const maxBatchMessages = 65_536
export const maxBatchBytes = 16 * 1024 * 1024
