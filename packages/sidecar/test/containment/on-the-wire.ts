import { steadyHost, type ContainedPod } from './contained-pod.ts'
import { dialledFor } from './rebinding.ts'
import type { Vector } from './vector.ts'

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex')
const text = (bytes: string): Buffer => Buffer.from(bytes, 'latin1')
const secret = "the agent's secret"

/** What clients of other protocols say first, to an allowed host on a port where HTTP is allowed. */
const openings: readonly (readonly [protocol: string, bytes: Buffer])[] = [
  ['SSH', text(`SSH-2.0-${secret}\r\n`)],
  ['SMTP', text(`EHLO secret\r\nMAIL FROM:<${secret}>\r\n`)],
  ['FTP', text(`USER secret\r\nPASS ${secret}\r\n`)],
  ['POP3', text(`APOP secret\r\n`)],
  ['IMAP', text(`a1 LOGIN secret "${secret}"\r\n`)],
  ['IRC', text(`NICK secret\r\nUSER ${secret}\r\n`)],
  ['SIP', text(`INVITE sip:secret@steady.test SIP/2.0\r\n\r\n`)],
  ['RTSP', text(`DESCRIBE rtsp://steady.test/secret RTSP/1.0\r\n\r\n`)],
  ['Redis', text(`*2\r\n$4\r\nECHO\r\n$6\r\nsecret\r\n`)],
  ['Redis in one line', text(`PING secret\r\n`)],
  ['memcached', text(`set secret 0 0 6\r\nsecret\r\n`)],
  ['MySQL', hex('200000018da20900000000012d0000000000000000000000000000000000000000000000000000007365637265740000')],
  ['SQL Server', hex('120100340000000000001500060100' + '00'.repeat(30))],
  ['Oracle', hex('00480000010000000139012c000008007fff7f0800000001' + '00'.repeat(40))],
  ['MongoDB', hex('3700000001000000000000003d0700000000000000220000000268656c6c6f00070000007365637265740000')],
  ['Cassandra', hex('0400000001000000160001000b43514c5f56455253494f4e0005332e302e30')],
  ['Kafka', hex('0000001e00120003000000010006736563726574')],
  ['AMQP', text('AMQP\0\0\x09\x01')],
  ['MQTT', hex('101200044d5154540402003c0006736563726574')],
  ['NATS', text('CONNECT {"name":"secret"}\r\nPING\r\n')],
  ['LDAP', hex('301402010160' + '0f0201030406736563726574800100')],
  ['SMB', hex('00000045ff534d4272000000001801c8' + '00'.repeat(40))],
  ['RDP', hex('030000130ee000000000000100080003000000')],
  ['VNC', text('RFB 003.008\n')],
  ['BitTorrent', text(`\x13BitTorrent protocol${secret}`)],
  ['SOCKS 4', Buffer.concat([hex('0401005001010101'), text('secret\0')])],
  ['SOCKS 5', hex('050100')],
  ['a PROXY header', text(`PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: steady.test\r\n\r\n`)],
  [
    'a PROXY header of version 2',
    Buffer.concat([hex('0d0a0d0a000d0a515549540a2111000cc0000201c000020200010002'), text(secret)]),
  ],
  ['DNS', hex('001d434801000001000000000000067365637265740474657374' + '0000010001')],
  ['a reverse shell', text(`$ id\n${secret}\n`)],
  ['zeros', Buffer.alloc(64)],
  ['TLS data without a handshake', Buffer.concat([hex('1703030012'), text(secret)])],
  ['a TLS alert', hex('15030300020100')],
  ['CONNECT', text(`CONNECT steady.test:443 HTTP/1.1\r\nHost: steady.test:443\r\n\r\n${secret}`)],
  ['HTTP/2 whose preface is followed by something else', text(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${secret.repeat(4)}`)],
]

/** How a client notices that it was refused, or that more is expected of it. */
const cutOff = new Set(['ECONNRESET', 'EPIPE', 'TimeoutError'])

/** Says it, and tells what of it came out: not even a connection may. */
const says = (name: string, pieces: readonly Buffer[], { host = steadyHost, port = 80 } = {}): Vector => ({
  name,
  guarded: false,
  async run(pod) {
    await pod.sandbox.frames()
    const outcome = await pod.agent.call('say', { host, port, pieces: pieces.map((piece) => piece.toString('hex')) })
    const heard = outcome.kind === 'done' || cutOff.has(outcome.errno) ? [] : [`it was not heard: ${outcome.errno}`]
    return [...heard, ...(await dialledFor(pod, host))]
  },
})

/** Clients of protocols whose servers speak first say nothing, and wait. */
const silence: Vector = {
  name: 'a client that waits for the banner of MySQL, SMTP, SSH or FTP, on its port or on that of a web server,',
  guarded: false,
  async run(pod: ContainedPod) {
    await pod.sandbox.frames()
    const greetings = await pod.agent.value('wait_for_banners', {
      host: steadyHost,
      ports: [21, 22, 25, 80, 443, 3306],
    })
    const problems = (greetings as string[]).every((each) => each === '')
      ? []
      : [`the agent was told ${String(greetings)}`]
    return [...problems, ...(await dialledFor(pod, steadyHost))]
  },
}

export const onTheWire: readonly Vector[] = [
  ...openings.map(([protocol, bytes]) => says(`what a client of ${protocol} says first`, [bytes])),
  ...openings.map(([protocol, bytes]) =>
    says(`what a client of ${protocol} says first, to port 443,`, [bytes], { port: 443 }),
  ),
  ...openings.slice(0, 2).map(([protocol, bytes]) =>
    says(
      `what a client of ${protocol} says byte by byte`,
      [...bytes].map((byte) => Buffer.from([byte])),
    ),
  ),
  says('a database session on the port of a web server', [hex('0000000804d2162f')], { port: 80 }),
  silence,
]
