/** Until start-up and login are through. */
export const loginTimeoutMs = 30_000
/** Prepared statements and portals that one connection may have. */
export const maxPrepared = 4096
/** Messages gathered until Sync or Flush, before they are judged together. */
export const maxBatchBytes = 16 * 1024 * 1024
/** Cancel keys remembered; one a connection. */
export const maxCancelKeys = 4096
