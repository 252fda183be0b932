import type { IncomingMessage } from 'node:http'
import { CodedError } from '@chaperone/core'

/** An AdmissionReview holds an object twice, each of at most 1.5 MiB in etcd. */
export const maxBodyBytes = 4 * 1024 * 1024

/** The whole body as UTF-8 text; rejects with ERR_HTTP_BODY beyond `maxBodyBytes`. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  // The connection must live on, to say what was wrong.
  const unread = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  for await (const chunk of unread) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new CodedError('ERR_HTTP_BODY', `body: at most ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
