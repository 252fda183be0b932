import koffi from 'koffi'
import { contained, elsewhere, sent as sentOut, type Check } from './check.ts'

/** linux/socket.h, linux/in.h; a datagram socket sends echo requests without any capability (icmp(7)). */
const family = 2
const datagram = 2
const icmp = 1
/** Type 8, code 0, checksum filled in by the kernel. */
const echoRequest = Buffer.from([8, 0, 0, 0, 0, 0, 0, 1])

/** An echo request carries as many bytes as one likes. */
export const blockedIcmp: Check = {
  name: 'ICMP echo',
  run() {
    const libc = koffi.load(null)
    const socket = libc.func('int socket(int domain, int type, int protocol)') as (...args: number[]) => number
    const sendto = libc.func(
      'long sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t size)',
      // eslint-disable-next-line max-params -- the signature is of C
    ) as (fd: number, data: Buffer, length: number, flags: number, address: Buffer, size: number) => number
    const close = libc.func('int close(int fd)') as (fd: number) => number
    const fd = socket(family, datagram, icmp)
    if (fd < 0) return Promise.resolve(contained('no such socket'))
    const address = Buffer.concat([
      Buffer.from([family, 0, 0, 0]),
      Buffer.from(elsewhere.v4.split('.').map(Number)),
      Buffer.alloc(8),
    ])
    const sent = sendto(fd, echoRequest, echoRequest.length, 0, address, address.length)
    close(fd)
    return Promise.resolve(sent < 0 ? contained('not sent') : sentOut('an echo request was sent'))
  },
}
