import { postgres } from '@chaperone/wire'
import type { ClientSessionPorts } from './client-session.ts'
import { write } from './frames.ts'

/** One Query message (docs ch. 55.2.2): several statements, judged together and answered up to one ReadyForQuery. */
export async function simpleQuery(
  { judge, names, pump, client, server }: ClientSessionPorts,
  frame: postgres.Frame,
): Promise<void> {
  const sql = await judge.classify(postgres.decodeQuerySql(frame))
  const permit = 'kind' in sql ? sql : await judge.authorize(sql)
  if (permit.kind === 'denied') {
    await pump.idle()
    // After an error of a sequence that lacks its Sync, the server would not read it either.
    if (pump.replies.failed) return
    return write(client, Buffer.concat([permit.response, postgres.encodeReadyForQuery(pump.transaction)]))
  }
  const { mask, requestSeq, copies } = permit
  pump.replies.push({ kind: 'query', mask, requestSeq, copies, change: names.changeBy(postgres.decodeQuerySql(frame)) })
  return write(server, frame.bytes)
}
