import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { systemClock } from '@chaperone/core'
import { AuditLogFullError } from '../errors.ts'
import { createAuditLog } from './audit-log.ts'
import { decodeFrames, headerBytes } from './segment.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'audit-log-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const resource = { 'k8s.pod.uid': 'pod-1', 'service.name': 'chaperone-sidecar' }
const open = (maxBytes = 1 << 20, at = directory) =>
  createAuditLog({ directory: at, resource, clock: systemClock, maxBytes })
const draft = (path: string) => ({ kind: 'request', attributes: { 'url.path': path } }) as const

describe('createAuditLog', () => {
  test('records are numbered from 1 and each links to the one before', async () => {
    const log = open()
    const [first, second] = [await log.append(draft('/a')), await log.append(draft('/b'), { commit: true })]
    expect([first.seq, second.seq]).toEqual([1, 2])
    expect(second.prevHash).toBe(first.hash)
    expect(log.head).toEqual({ seq: 2, hash: second.hash })
    expect(await log.read(0, { records: 10, bytes: 1 << 20 })).toEqual([first, second])
    await log.close()
  })

  test('records that are appended at the same time keep their order', async () => {
    const log = open()
    const records = await Promise.all(Array.from({ length: 100 }, (_, index) => log.append(draft(`/${index}`))))
    expect(await log.read(0, { records: 1000, bytes: 1 << 20 })).toEqual(records)
    await log.close()
  })

  test('the chain goes on after a restart, also when everything was acknowledged', async () => {
    const before = open()
    const last = await before.append(draft('/a'))
    before.acknowledge(1)
    await before.close()
    const after = open()
    expect(after.acknowledged).toBe(1)
    expect((await after.append(draft('/b'))).prevHash).toBe(last.hash)
    await after.close()
  })

  test('a full log refuses what begins, however small, and still takes the ends of what had begun', async () => {
    const log = open(3000)
    const filled = await log.append({ ...draft('/a'), body: 'x'.repeat(2000) })
    await expect(log.append({ ...draft('/b'), body: 'x'.repeat(2000) })).rejects.toThrow(AuditLogFullError)
    await expect(log.append(draft('/c'))).rejects.toThrow(AuditLogFullError)
    const ended = await log.append({ kind: 'response', attributes: {} })
    expect(await log.read(0, { records: 10, bytes: 1 << 20 })).toEqual([filled, ended])
    await log.close()
  })

  test('a full log takes records again once a part of it was delivered', async () => {
    const log = open(16 << 20)
    const large = { ...draft('/a'), body: 'x'.repeat(1 << 20) }
    const fill = async () => {
      for (;;) await log.append(large)
    }
    await expect(fill()).rejects.toThrow(AuditLogFullError)
    const { seq } = log.head
    log.acknowledge(1)
    await expect(log.append(draft('/b'))).rejects.toThrow(AuditLogFullError)
    log.acknowledge(seq - 1)
    expect((await log.append(draft('/b'))).seq).toBe(seq + 1)
    await log.close()
  })

  test('what is read is bounded in bytes, but a large record comes by itself', async () => {
    const log = open()
    for (const size of [10, 5000, 10, 10]) await log.append({ ...draft('/a'), body: 'x'.repeat(size) })
    const read = async (seq: number) => (await log.read(seq, { records: 10, bytes: 2000 })).map((record) => record.seq)
    expect([await read(0), await read(1), await read(2)]).toEqual([[1], [2], [3, 4]])
    await log.close()
  })

  test('cut off at any byte, the log opens with every whole record and goes on from there', async () => {
    const log = open()
    for (const path of ['/a', '/b', '/c']) await log.append(draft(path))
    await log.close()
    const file = join(directory, readdirSync(directory)[0]!)
    const bytes = readFileSync(file)
    const ends = decodeFrames(bytes).payloads.map((payload) => payload.length + headerBytes)
    for (let length = 0; length <= bytes.length; length += 7) {
      writeFileSync(file, bytes)
      truncateSync(file, length)
      const whole = ends.filter((_, index) => ends.slice(0, index + 1).reduce((a, b) => a + b) <= length).length
      const reopened = open()
      expect(reopened.head.seq).toBe(whole)
      const next = await reopened.append(draft('/next'))
      expect((await reopened.read(0, { records: 10, bytes: 1 << 20 })).map((record) => record.seq)).toEqual(
        Array.from({ length: whole + 1 }, (_, index) => index + 1),
      )
      expect(next.seq).toBe(whole + 1)
      await reopened.close()
    }
  })
})
