import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { systemClock } from '@chaperone/core'
import { AuditLogFailedError } from '../errors.ts'
import type { AuditRecord } from '../record/audit-record.ts'
import { encodeOtlp } from '../record/otlp.ts'
import { parseExport } from '../verify/parse-export.ts'
import { verifyExport } from '../verify/verify.ts'
import { createAuditLog, type AuditLog } from './audit-log.ts'

/** What a receiver gets of a log whose process dies, whose memory is short, or whose disk fails. */

const resource = { 'k8s.pod.uid': 'pod-1' }
const limits = { records: 256, bytes: 2 << 20 }
let root: string
let directories: number
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'audit-delivery-'))
  directories = 0
})
afterEach(() => rmSync(root, { recursive: true }))

const directory = (): string => join(root, String(directories))
const open = (): AuditLog =>
  createAuditLog({ directory: directory(), resource, clock: systemClock, maxBytes: 256 << 20 })
const append = (log: AuditLog, size = 0) =>
  log.append({ kind: 'request', attributes: {}, ...(size === 0 ? {} : { body: 'x'.repeat(size) }) })
const files = (): string[] =>
  readdirSync(directory())
    .filter((name) => name.endsWith('.wal'))
    .sort()
    .map((name) => join(directory(), name))

/** Takes a batch; the receiver has it, whatever becomes of us. */
async function deliver(log: AuditLog, received: AuditRecord[]): Promise<boolean> {
  const records = await log.read(log.acknowledged, limits)
  received.push(...records)
  log.acknowledge(records.at(-1)?.seq ?? 0)
  return records.length > 0
}

async function deliverAll(log: AuditLog): Promise<number[]> {
  const received: AuditRecord[] = []
  while (await deliver(log, received));
  return received.map(({ seq }) => seq)
}

/** A process that is killed leaves its files as they are; the next one finds them. */
function crash(torn: Buffer): void {
  const left = directory()
  directories += 1
  cpSync(left, directory(), { recursive: true })
  const last = files().at(-1)
  if (last !== undefined) appendFileSync(last, torn)
}

const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, at) => first + at)

test('a record that is young is delivered without its file', async () => {
  const log = open()
  for (let count = 0; count < 100; count++) await append(log)
  for (const file of files()) unlinkSync(file)
  expect(await deliverAll(log)).toEqual(upTo(100))
  await log.close()
})

test('what does not fit into memory is delivered from disk, and then the young ones, in order', async () => {
  const log = open()
  for (let count = 0; count < 15; count++) await append(log, 1 << 20)
  expect(files().length).toBeGreaterThan(2)
  expect(await log.read(0, limits)).toEqual(await log.read(0, limits))
  expect(await deliverAll(log)).toEqual(upTo(15))
  expect(files()).toHaveLength(1)
  await log.close()
})

test('only the youngest records are in memory', async () => {
  const log = open()
  for (let count = 0; count < 15; count++) await append(log, 1 << 20)
  for (const file of files()) unlinkSync(file)
  await expect(log.read(0, limits)).rejects.toThrow('ENOENT')
  expect((await log.read(13, { ...limits, bytes: 4 << 20 })).map(({ seq }) => seq)).toEqual([14, 15])
  await log.close()
})

test('a backlog that an earlier process left is delivered before what is new', async () => {
  const before = open()
  await Promise.all(Array.from({ length: 2000 }, () => append(before)))
  for (const size of [300_000, 10, 5 << 20, 10]) await append(before, size)
  await before.close()
  const after = open()
  await append(after)
  expect(await deliverAll(after)).toEqual(upTo(2005))
  await after.close()
})

test('records behind damage on disk are delivered; what is lost shows as missing', async () => {
  const before = open()
  for (let count = 0; count < 12; count++) await append(before, 1 << 20)
  await before.close()
  const [first = ''] = files()
  const bytes = readFileSync(first)
  bytes.fill(0, 3 << 19, (3 << 19) + 1000)
  writeFileSync(first, bytes)
  const after = open()
  const received = await deliverAll(after)
  expect(received[0]).toBe(1)
  expect(received.at(-1)).toBe(12)
  expect(received.length).toBeLessThan(12)
  await after.close()
})

test('whenever the process is killed, the receiver has every record in order, some more than once', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(0, 0, 100, 400_000, 1_500_000).map((size) => ({ append: size })) },
    { weight: 3, arbitrary: fc.constant('deliver' as const) },
    { weight: 1, arbitrary: fc.constant('restart' as const) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }).map((torn) => ({ torn: Buffer.from(torn) })) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      directories += 1
      let log = open()
      const left: AuditLog[] = []
      const received: AuditRecord[] = []
      let appended = (await append(log)).seq
      for (const what of steps) {
        if (what === 'deliver') await deliver(log, received)
        else if (what === 'restart') {
          await log.close()
          log = open()
        } else if ('append' in what) appended = (await append(log, what.append)).seq
        else {
          crash(what.torn)
          left.push(log)
          log = open()
        }
        expect(log.head.seq).toBe(appended)
      }
      while (await deliver(log, received));
      const lines = received.map((record) => Buffer.from(encodeOtlp(resource, [record], 'json')).toString())
      const [report] = verifyExport(parseExport(lines.join('\n')), { heads: new Map([['pod-1', log.head]]) })
      expect(report?.problem).toBeUndefined()
      expect(report).toMatchObject({ first: 1, last: appended, endProven: true })
      for (const each of [...left, log]) await each.close()
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('a full disk refuses what it cannot keep, and the chain goes on once it has room', async () => {
  const log = open()
  const file = join(directory(), '0000000000000001.wal')
  symlinkSync('/dev/full', file)
  const refused = await Promise.allSettled([append(log), append(log)])
  expect(refused).toMatchObject([
    { reason: expect.any(AuditLogFailedError) },
    { reason: expect.any(AuditLogFailedError) },
  ])
  await expect(append(log)).rejects.toThrow(AuditLogFailedError)
  expect(log.head.seq).toBe(0)
  unlinkSync(file)
  await append(log)
  await append(log)
  expect(await deliverAll(log)).toEqual([1, 2])
  await log.close()
})
