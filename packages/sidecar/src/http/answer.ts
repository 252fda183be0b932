import type { Refusal } from '../engine/engine.ts'
import { grpcRefusal, httpRefusal, type HttpRefusal } from '../rescue/http.ts'
import { expectsStatus, kubernetesRefusal } from '../rescue/kubernetes.ts'
import { isGone, isHttp2, type Answer, type ServerRequest } from './message.ts'

/** Says no in the protocol the client speaks. The connection stays usable: what is left of the request is read and dropped. */
export function answerRefusal(request: ServerRequest, answer: Answer, refusal: Refusal): void {
  if (answer.headersSent || isGone(request, answer)) return void answer.destroy()
  if (isHttp2(request) && (request.headers['content-type'] ?? '').startsWith('application/grpc')) {
    writeHead(answer, 200, Object.entries(grpcRefusal(refusal)))
    return void answer.end()
  }
  answerWith(request, answer, refusalFor(request, refusal))
}

/** In the words of HTTP/1.1 and HTTP/2. */
export const refusalFor = ({ headers }: ServerRequest, refusal: Refusal): HttpRefusal =>
  expectsStatus(headers) ? kubernetesRefusal(refusal) : httpRefusal(refusal)

/** An answer of our own, whole. */
export function answerWith(request: ServerRequest, answer: Answer, { status, headers, body }: HttpRefusal): void {
  if (isGone(request, answer)) return
  writeHead(answer, status, [...Object.entries(headers), ['content-length', String(Buffer.byteLength(body))]])
  answer.end(request.method === 'HEAD' ? undefined : body)
}

/** One call for both versions; names are lower case, as HTTP/2 wants them. */
export function writeHead(answer: Answer, status: number, headers: readonly (readonly [string, string])[]): void {
  const merged = new Map<string, string | string[]>()
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    const present = merged.get(key)
    merged.set(key, present === undefined ? value : [...(Array.isArray(present) ? present : [present]), value])
  }
  for (const [name, value] of merged) answer.setHeader(name, value)
  answer.writeHead(status)
}
