import { postgres } from '@chaperone/wire'
import type { ClientSessionPorts } from './client-session.ts'
import { write } from './frames.ts'
import type { Denied } from './judge.ts'

/** One Query message (docs ch. 55.2.2): several statements, judged together and answered up to one ReadyForQuery. */
export async function simpleQuery(
  { judge, names, pump, client, server }: ClientSessionPorts,
  frame: postgres.Frame,
): Promise<void> {
  const answer = async ({ response }: Denied): Promise<void> => {
    await pump.idle()
    // After an error of a sequence that lacks its Sync, the server would not read it either.
    if (pump.replies.failed) return
    await write(client, Buffer.concat([response, postgres.encodeReadyForQuery(pump.transaction)]))
  }
  const sql = await judge.classify(postgres.decodeQuerySql(frame))
  if ('kind' in sql) return answer(sql)
  const permit = await judge.authorize(sql)
  if (permit.kind === 'denied') return answer(permit)
  const { mask, requestSeq, copies } = permit
  pump.replies.push({ kind: 'query', sql, mask, requestSeq, copies, change: names.changeBy(sql) })
  return write(server, frame.bytes)
}
