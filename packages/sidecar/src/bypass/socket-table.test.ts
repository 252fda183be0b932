import { expect, test } from '@jest/globals'
import { parseSockets, senderIn } from './socket-table.ts'

const heading =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops'
const udp = `${heading}
 1557: 0200090A:8167 090200C0:01BB 01 00000000:00000000 00:00000000 00000000  2000        0 4102988 2 00000000179f58ae 0
16253: 0100007F:3ACF 00000000:0000 07 00000000:00000340 00:00000000 00000000 65532        0 4102980 2 000000007e03adc6 0
   12: 00000000:8168 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 17 2 000000007e03adc6 0
`
const udp6 = `${heading}
 1557: 0000000000000000FFFF00000200090A:9000 0000000000000000FFFF0000090200C0:01BB 01 00000000:00000000 00:00000000 00000000  2000        0 5 2 0 0
 1558: B80D01200000000000000000010000000:9001 cut short
 1559: B80D0120000000000000000001000000:9002 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000  3000        0 6 2 0 0
`

test('a table tells whose each socket is and whom it is connected to; what is cut short is left out', () => {
  expect(parseSockets(udp)).toEqual([
    {
      local: { address: '10.9.0.2', port: 0x8167 },
      remote: { address: '192.0.2.9', port: 443 },
      uid: 2000,
      inode: '4102988',
    },
    { local: { address: '127.0.0.1', port: 15_055 }, uid: 65_532, inode: '4102980' },
    { local: { address: '0.0.0.0', port: 0x8168 }, uid: 1000, inode: '17' },
  ])
  expect(parseSockets(udp6)).toEqual([
    {
      local: { address: '10.9.0.2', port: 0x9000 },
      remote: { address: '192.0.2.9', port: 443 },
      uid: 2000,
      inode: '5',
    },
    { local: { address: '2001:db8::1', port: 0x9002 }, uid: 3000, inode: '6' },
  ])
  expect(parseSockets('')).toEqual([])
})

test('who had a connection that is over is known only where the kernel remembers; it calls others root', () => {
  const tcp = `${heading}
   0: 0200090A:8167 090200C0:01BB 06 00000000:00000000 03:000012A4 00000000     0        0 0 3 00000000179f58ae
   1: 0200090A:8168 090200C0:01BB 01 00000000:00000000 00:00000000 00000000     0        0 18 1 00000000179f58af 20 4 0 10 -1
   2: 0200090A:8169 090200C0:01BB 04 00000000:00000000 00:00000000 00000000  2000        0 0 1 00000000179f58b0 20 4 0 10 -1
`
  expect(parseSockets(tcp).map(({ local, uid }) => [local.port, uid])).toEqual([
    [0x8168, 0],
    [0x8169, 2000],
  ])
  expect(senderIn(tcp, { address: '10.9.0.2', port: 0x8167 })).toBeUndefined()
})

test('the sender is who has the address and port, or the port at every address', () => {
  expect(senderIn(udp, { address: '10.9.0.2', port: 0x8167 })?.uid).toBe(2000)
  expect(senderIn(udp, { address: '::ffff:10.9.0.2', port: 0x8168 })?.uid).toBe(1000)
  expect(senderIn(udp, { address: '10.9.0.3', port: 0x8167 })).toBeUndefined()
})
