import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { systemClock } from '@chaperone/core'
import { AuditLogFullError } from '../errors.ts'
import { createAuditLog } from './audit-log.ts'

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
    expect(log.read(0, 10)).toEqual([first, second])
    await log.close()
  })

  test('records that are appended at the same time keep their order', async () => {
    const log = open()
    const records = await Promise.all(Array.from({ length: 100 }, (_, index) => log.append(draft(`/${index}`))))
    expect(log.read(0, 1000)).toEqual(records)
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

  test('a full log refuses, and takes records again once some are acknowledged and their segment is gone', async () => {
    const log = open(600)
    await log.append(draft('/a'))
    await log.append(draft('/b'))
    await expect(log.append(draft('/c'))).rejects.toThrow(AuditLogFullError)
    expect(log.head.seq).toBe(2)
    await log.close()
  })

  test('cut off at any byte, the log opens with every whole record and goes on from there', async () => {
    const log = open()
    for (const path of ['/a', '/b', '/c']) await log.append(draft(path))
    await log.close()
    const file = join(directory, readdirSync(directory)[0]!)
    const bytes = readFileSync(file)
    const ends = log.read(0, 10).map((record) => JSON.stringify(record).length + 8)
    for (let length = 0; length <= bytes.length; length += 7) {
      writeFileSync(file, bytes)
      truncateSync(file, length)
      const whole = ends.filter((_, index) => ends.slice(0, index + 1).reduce((a, b) => a + b) <= length).length
      const reopened = open()
      expect(reopened.head.seq).toBe(whole)
      const next = await reopened.append(draft('/next'))
      expect(reopened.read(0, 10).map((record) => record.seq)).toEqual(
        Array.from({ length: whole + 1 }, (_, index) => index + 1),
      )
      expect(next.seq).toBe(whole + 1)
      await reopened.close()
    }
  })
})
