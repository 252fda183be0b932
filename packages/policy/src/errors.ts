import { PeerProtocolError } from '@chaperone/core'

/** SQL that PostgreSQL's own parser refuses, or that is too long to judge. */
export class SqlUnparseableError extends PeerProtocolError<'ERR_SQL_UNPARSEABLE'> {
  constructor(message: string) {
    super('ERR_SQL_UNPARSEABLE', message)
  }
}
