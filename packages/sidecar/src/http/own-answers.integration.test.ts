import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { ApprovalState } from '@chaperone/api'
import { closeAll, closers, curl, host, raw, start, upstream, type Bench } from './testdata/http-bench.ts'

afterEach(closeAll)

const path = '/.well-known/chaperone/approvals/devin-1'
const state = (change: Partial<ApprovalState> = {}): ApprovalState => ({
  name: 'devin-1',
  digest: 'd',
  outcome: 'Pending',
  grant: 'Once',
  consumed: false,
  expiresAt: new Date(Date.UTC(2100, 0, 1)).toISOString(),
  ...change,
})
/** A host where nothing is allowed, and one where everything is: neither has a say. */
const setUp = async (action: 'Allow' | 'Deny' = 'Deny') => {
  const origin = await upstream((_request, response) => response.end('upstream'))
  const bench = await start(origin.port, [{ name: 'all', to: { hosts: [host] }, action }])
  return { origin, bench }
}
const get = async ({ port }: Bench, target: string) => {
  const answer = await curl(port, '--request-target', target)
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  return { status: head.split(' ')[1], head, body: JSON.parse(body) as Record<string, unknown> }
}

describe('an agent that asks for an approval by its name', () => {
  test.each(['Allow', 'Deny'] as const)(
    'is answered where the policy says %s, and no upstream hears of it',
    async (action) => {
      const { origin, bench } = await setUp(action)
      bench.approvals.learned(state())
      const { status, head, body } = await get(bench, path)
      expect(status).toBe('200')
      expect(head).toMatch(/retry-after: 15/)
      expect(body).toEqual({
        id: 'devin-1',
        outcome: 'Pending',
        consumed: false,
        expiresAt: '2100-01-01T00:00:00.000Z',
        retryAfter: 15,
      })
      expect([origin.bytes(), bench.asked]).toEqual([0, []])
    },
  )

  test('is told the outcome and the reason', async () => {
    const { bench } = await setUp()
    bench.approvals.learned(state({ outcome: 'Denied', reason: 'not on a Friday' }))
    const { head, body } = await get(bench, `${path}?wait=55s`)
    expect(body).toMatchObject({ outcome: 'Denied', reason: 'not on a Friday' })
    expect(head).not.toMatch(/retry-after/)
  })

  test('and waits is answered when a person has decided', async () => {
    const { bench } = await setUp()
    bench.approvals.learned(state())
    const socket = connect(bench.port, '127.0.0.1')
    closers.push(() => socket.destroy())
    let received = ''
    socket.on('data', (chunk) => (received += String(chunk)))
    // The second answer shows that the first request is under way, and that another need not wait for it.
    socket.write(`GET ${path}?wait=55s HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    expect((await get(bench, path)).body).toMatchObject({ outcome: 'Pending' })
    expect(received).toBe('')
    bench.approvals.learned(state({ outcome: 'Approved' }))
    await once(socket, 'data')
    expect(received).toMatch(/^HTTP\/1\.1 200 [^]*"outcome":"Approved"/)
  })

  test.each([
    ['of another pod', '404', '/.well-known/chaperone/approvals/other-1'],
    ['with a wait that is no time', '400', `${path}?wait=soon`],
    ['under another path of ours', '404', '/.well-known/chaperone/secrets'],
    ['in another spelling of the path', '404', '/.well-known/./%63haperone/approvals/other-1'],
  ])('%s gets %s, and no upstream hears of it', async (_name, status, target) => {
    const { origin, bench } = await setUp('Allow')
    bench.approvals.learned(state())
    const answer = await get(bench, target)
    expect(answer.status).toBe(status)
    expect(answer.head).toContain('application/problem+json')
    expect(origin.bytes()).toBe(0)
  })

  test.each([
    ['another method', `DELETE ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 405],
    [
      'an upgrade',
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      400,
    ],
    ['another host than it is connected to', `GET ${path} HTTP/1.1\r\nHost: evil.test\r\n\r\n`, 421],
  ])('with %s is refused, and no upstream hears of it', async (_name, request, status) => {
    const { origin, bench } = await setUp('Allow')
    bench.approvals.learned(state())
    expect(await raw(bench.port, request)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(origin.bytes()).toBe(0)
  })
})
