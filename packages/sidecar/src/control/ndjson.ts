import { ControlError } from '../errors.ts'

/** Cuts a stream into lines (a line feed ends each); a line longer than `maxBytes` rejects. */
export async function* ndjsonLines(stream: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string, void> {
  let parts: Uint8Array[] = []
  let bytes = 0
  const take = (part: Uint8Array): void => {
    bytes += part.length
    if (bytes > maxBytes) throw new ControlError('ERR_CONTROL_MALFORMED', `a line has at most ${maxBytes} bytes`)
    parts.push(part)
  }
  for await (const chunk of stream) {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, end))
      yield Buffer.concat(parts).toString('utf8')
      parts = []
      bytes = 0
      from = end + 1
    }
    take(chunk.subarray(from))
  }
}
