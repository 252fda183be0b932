import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { join } from 'node:path'
import { startContainedPod, startTimeoutMs, type ContainedPod } from './contained-pod.ts'

/**
 * The agent shares process ids and files with the sidecar here, which in a pod it does not: what holds with less between
 * them holds there.
 */
let pod: ContainedPod
beforeAll(async () => {
  pod = await startContainedPod()
}, startTimeoutMs)
afterAll(() => pod.close())

describe.each(['agent', 'rootAgent'] as const)('as %s', (who) => {
  test.each([
    ['memory_of', 'EACCES'],
    ['environment_of', 'EACCES'],
    ['descriptors_of', 'EACCES'],
    ['trace', 'EPERM'],
    ['stop', 'EPERM'],
  ])('%s the sidecar is refused', async (call, errno) => {
    expect(await pod[who].call(call, { pid: pod.sidecar.pid })).toEqual({ kind: 'refused', errno })
  })

  test.each(['private/ca.key', 'private/resolv.conf', 'private/mask.key', 'audit/signing.key', 'audit.jsonl'])(
    '%s of the sidecar cannot be read',
    async (name) => {
      const outcome = await pod[who].call('read_file', { path: join(pod.volumes, name) })
      expect(outcome).toEqual({ kind: 'refused', errno: 'EACCES' })
    },
  )

  test('the director of the sidecar cannot be spoken to', async () => {
    const outcome = await pod[who].call('connect_unix', { path: join(pod.volumes, 'control.sock') })
    expect(outcome).toEqual({ kind: 'refused', errno: 'EACCES' })
  })
})

test('the sidecar has no abstract socket, which the agent could reach through the network that they share', async () => {
  expect(await pod.agent.value('abstract_sockets')).toEqual([])
})
