import { expect, test } from '@jest/globals'
import type { BypassAttempt } from './bypass-journal.ts'
import { reportSenders } from './datagram-sink.ts'
import type { SocketEntry } from './socket-table.ts'

const sender = { address: '10.9.0.2', port: 0x8167 }
const abroad = { address: '192.0.2.9', port: 443 }

test.each<[string, Partial<SocketEntry> | undefined, Partial<BypassAttempt>[]]>([
  ['is connected to somebody outside', { uid: 2000, remote: abroad }, [{ uid: 2000, destination: abroad }]],
  ['is connected to nobody', { uid: 2000 }, [{ uid: 2000 }]],
  ['is gone', undefined, [{}]],
  ['is connected to the sink itself', { uid: 2000, remote: { address: '127.0.0.1', port: 15_443 } }, []],
  ['is connected to the sink itself by IPv6', { uid: 2000, remote: { address: '::1', port: 15_443 } }, []],
])('of a socket that %s is reported what is known, if it tries to leave', (_which, socket, expected) => {
  const attempts: BypassAttempt[] = []
  const ownerOf = () => socket && { local: sender, uid: 0, inode: '1', ...socket }
  reportSenders('udp', { journal: { attempted: (attempt) => attempts.push(attempt) }, ownerOf })(sender)
  expect(attempts).toEqual(expected.map((attempt) => ({ vector: 'udp', ...attempt })))
})
