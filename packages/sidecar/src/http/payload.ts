import type { AuthorizeRequest } from '../engine/engine.ts'
import { decodeBeginning } from './decompress.ts'
import { maxJudgedBodyBytes } from './limits.ts'
import type { RequestHead } from './request-head.ts'

/** A body as a reviewer and the record see it: decoded, or only measured where that cannot be done within the limit. */
export async function payloadOf(
  { http }: RequestHead,
  body: Buffer,
): Promise<NonNullable<AuthorizeRequest['payload']>> {
  const decoded = await decodeBeginning(body, http.headers['content-encoding'], {
    maxBytes: maxJudgedBodyBytes,
    isPart: false,
  })
  return decoded === undefined || decoded.isCut
    ? { contentType: 'application/octet-stream', bytes: body }
    : { contentType: http.headers['content-type'] ?? 'application/octet-stream', bytes: decoded.bytes }
}
