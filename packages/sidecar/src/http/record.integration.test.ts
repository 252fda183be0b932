import { createHash, randomBytes } from 'node:crypto'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, test } from '@jest/globals'
import { allow, closeAll, host, raw, run, start, upstream } from './testdata/http-bench.ts'

afterEach(closeAll)

const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex')
/** What `audit.maxBodyBytes` is when nothing else is said. */
const maxBodyBytes = 64 * 1024

const answering = async (headers: Record<string, string>, body: string | Buffer) => {
  const origin = await upstream((_request, response) => {
    response.writeHead(200, headers)
    response.end(body)
  })
  const bench = await start(origin.port, allow())
  await run('curl', ['-sS', '-o', '/dev/null', '-H', `Host: ${host}`, `http://127.0.0.1:${bench.port}/`])
  return bench.recorded('response')
}

describe('the body of an answer', () => {
  const text = '{"name":"żółć"}'
  test.each([
    ['as it is', undefined, Buffer.from(text)],
    ['from gzip', 'gzip', gzipSync(text)],
    ['from brotli', 'br', brotliCompressSync(text)],
    ['from zstd', 'zstd', zstdCompressSync(text)],
    ['from two codings', 'gzip, br', brotliCompressSync(gzipSync(text))],
  ])('is recorded as text, %s', async (_name, coding, bytes) => {
    const headers = {
      'content-type': 'application/json',
      ...(coding === undefined ? {} : { 'content-encoding': coding }),
    }
    const record = await answering(headers, bytes)
    expect(record.body).toBe(text)
    expect(record.attributes).toMatchObject({
      'chaperone.body.sha256': sha256(bytes),
      'http.response.body.size': bytes.length,
      'chaperone.body.truncated': false,
    })
  })

  test.each([
    ['that is no text by its type', { 'content-type': 'application/octet-stream' }, Buffer.from('abc')],
    ['that has no type', {}, Buffer.from('abc')],
    ['that is no text whatever its type says', { 'content-type': 'text/plain' }, Buffer.of(0xff, 0xfe, 0x00)],
    [
      'in a coding that is not known',
      { 'content-type': 'text/plain', 'content-encoding': 'compress' },
      Buffer.from('a'),
    ],
    [
      'that is not in the coding it names',
      { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
      Buffer.from('a'),
    ],
  ])('%s is recorded by size and hash alone', async (_name, headers, bytes) => {
    const record = await answering(headers, bytes)
    expect(record).not.toHaveProperty('body')
    expect(record.attributes).toMatchObject({
      'chaperone.body.sha256': sha256(bytes),
      'http.response.body.size': bytes.length,
    })
  })

  test.each([
    ['that is long', undefined, (text: string) => Buffer.from(text)],
    ['that is long when decoded', 'gzip', (text: string) => gzipSync(text)],
  ])('%s is recorded up to the limit, and no character is cut', async (_name, coding, encode) => {
    const long = `a${'ż'.repeat(maxBodyBytes)}`
    const headers = { 'content-type': 'text/plain', ...(coding === undefined ? {} : { 'content-encoding': coding }) }
    const record = await answering(headers, encode(long))
    expect(record.body).toBe(`a${'ż'.repeat(maxBodyBytes / 2 - 1)}`)
    expect(record.attributes).toMatchObject({ 'chaperone.body.truncated': true })
  })

  test('that is long in its coding is recorded as far as what was kept of it says', async () => {
    const noise = randomBytes(maxBodyBytes * 2).toString('hex')
    const record = await answering({ 'content-type': 'text/plain', 'content-encoding': 'gzip' }, gzipSync(noise))
    expect(noise.startsWith(record.body ?? 'nothing')).toBe(true)
    expect(record.attributes).toMatchObject({ 'chaperone.body.truncated': true })
  })
})

describe('the coded body of a request that a person must approve', () => {
  const asking = async (bytes: Buffer) => {
    const bench = await start(1, [{ name: 'ask', to: { hosts: [host] }, action: 'Approve' }], {
      outcome: () => ({ kind: 'refuse', reason: 'ApprovalPending', message: 'waits' }),
    })
    const head = `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n`
    await raw(bench.port, Buffer.concat([Buffer.from(head), bytes]))
    return bench.asked[0]?.payload
  }

  test('is shown decoded', async () => {
    const payload = await asking(gzipSync('amount=5'))
    expect(payload).toMatchObject({ contentType: 'text/plain' })
    expect(Buffer.from(payload?.bytes ?? []).toString()).toBe('amount=5')
  })

  test.each([
    ['decodes to more than the limit', gzipSync(Buffer.alloc(2 * 1024 * 1024, 'a'))],
    ['ends before its coding does', gzipSync('amount=5').subarray(0, -6)],
  ])('is measured only when it %s', async (_name, bytes) => {
    expect(await asking(bytes)).toMatchObject({ contentType: 'application/octet-stream', bytes })
  })
})
