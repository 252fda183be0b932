import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { systemClock, systemRandom } from '@chaperone/core'
import { createFakeClock } from '@chaperone/testkit'
import { createAuditLog, type AuditLog } from '../log/audit-log.ts'
import type { AuditRecord } from '../record/audit-record.ts'
import { createOtlpHttpSink } from './otlp-http-sink.ts'
import { createShipper } from './shipper.ts'
import type { SendResult, Sink } from './sink.ts'

let directory: string
let log: AuditLog
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shipper-'))
  log = createAuditLog({ directory, resource: { 'k8s.pod.uid': 'p' }, clock: systemClock, maxBytes: 1 << 20 })
})
afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true })
})

const clock = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(Math.min(ms, 1), signal),
}
const draft = { kind: 'request', attributes: {} } as const

function sinkOf(answers: SendResult[]): Sink & { readonly got: AuditRecord[][] } {
  const got: AuditRecord[][] = []
  return {
    got,
    send: (_resource, records) => {
      got.push([...records])
      return Promise.resolve(answers.shift() ?? { kind: 'sent' })
    },
  }
}

describe('createShipper', () => {
  test('records arrive in order and are acknowledged', async () => {
    const sink = sinkOf([])
    const shipper = createShipper({ log, sink, clock, random: systemRandom })
    for (let n = 0; n < 10; n++) await log.append(draft)
    expect(await shipper.flush(clock.now())).toBe(true)
    expect(sink.got.flat().map((record) => record.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(log.acknowledged).toBe(10)
    await shipper.stop()
  })

  test('records that come one after the other share a request', async () => {
    const fake = createFakeClock()
    const sink = sinkOf([])
    const shipper = createShipper({ log, sink, clock: fake, random: systemRandom })
    for (let n = 0; n < 3; n++) await log.append(draft)
    await fake.untilSleeper()
    await fake.advance(100)
    while (log.acknowledged < 3) await new Promise((resolve) => setImmediate(resolve))
    expect(sink.got.map((batch) => batch.map((record) => record.seq))).toEqual([[1, 2, 3]])
    await shipper.stop()
  })

  test('a log that cannot be read back says so, and nothing is skipped', async () => {
    await log.append(draft)
    const kept = join(directory, readdirSync(directory).find((name) => name.endsWith('.wal')) ?? '')
    await log.close()
    log = createAuditLog({ directory, resource: { 'k8s.pod.uid': 'p' }, clock: systemClock, maxBytes: 1 << 20 })
    renameSync(kept, `${kept}.away`)
    const sink = sinkOf([])
    const shipper = createShipper({ log, sink, clock, random: systemRandom })
    while (shipper.problem === undefined) await new Promise((resolve) => setImmediate(resolve))
    expect(shipper.problem).toBe('the audit log cannot be read back')
    renameSync(`${kept}.away`, kept)
    while (log.acknowledged < 1) await new Promise((resolve) => setImmediate(resolve))
    expect(sink.got.flat().map((record) => record.seq)).toEqual([1])
    await shipper.stop()
  })

  test('what did not arrive is sent again, whatever the reason, and nothing is skipped', async () => {
    const sink = sinkOf([{ kind: 'retry', message: 'away' }, { kind: 'refused', message: 'no' }, { kind: 'sent' }])
    await log.append(draft)
    const shipper = createShipper({ log, sink, clock, random: systemRandom })
    while (log.acknowledged < 1) await new Promise((resolve) => setImmediate(resolve))
    expect(sink.got.map((batch) => batch.map((record) => record.seq))).toEqual([[1], [1], [1]])
    await shipper.stop()
  })
})

describe('createOtlpHttpSink', () => {
  test('a batch is one gzipped protobuf POST, and answers are told apart', async () => {
    const requests: { headers: IncomingMessage['headers']; bytes: Buffer }[] = []
    const statuses = [200, 503, 400]
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        requests.push({ headers: request.headers, bytes: gunzipSync(Buffer.concat(chunks)) })
        response.writeHead(statuses[requests.length - 1] ?? 200, { 'retry-after': '7' }).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const sink = createOtlpHttpSink({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs` })
    const record = await log.append({ kind: 'request', attributes: { 'url.full': 'https://a.example/' } })
    const send = () => sink.send(log.resource, [record], AbortSignal.timeout(5000))
    expect(await send()).toEqual({ kind: 'sent' })
    expect(await send()).toEqual({ kind: 'retry', message: 'the collector answered 503', afterMs: 7000 })
    expect(await send()).toEqual({ kind: 'refused', message: 'the collector answered 400' })
    expect(requests[0]?.headers['content-type']).toBe('application/x-protobuf')
    expect(requests[0]?.bytes.includes('https://a.example/')).toBe(true)
    expect(requests[0]?.bytes.includes(record.hash)).toBe(true)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    expect(await send()).toMatchObject({ kind: 'retry' })
  })
})
