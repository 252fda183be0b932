import { expect, test } from '@jest/globals'
import { createRefusedCertificates } from './refused-certificates.ts'

const unknownCa = 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'

test('a destination is told at once when it is new, and counted from then on', () => {
  let told = 0
  const refused = createRefusedCertificates(() => (told += 1))
  refused.add({ host: 'a.test', port: 443 }, unknownCa)
  refused.add({ host: 'b.test', port: 443 }, undefined)
  refused.add({ host: 'a.test', port: 443 }, 'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE')
  refused.add({ host: 'c.test', port: 443 }, 'ERR_SSL_UNSUPPORTED_PROTOCOL')
  expect(told).toBe(2)
  expect(refused.current).toEqual([
    { host: 'b.test', port: 443, cause: 'connection closed', count: 1 },
    { host: 'a.test', port: 443, cause: 'bad_certificate', count: 2 },
  ])
})

test('only the latest sixteen are kept, for an agent can make names up', () => {
  const refused = createRefusedCertificates(() => undefined)
  for (let index = 0; index < 40; index++) refused.add({ host: `h${index}.test`, port: 443 }, unknownCa)
  expect(refused.current.map(({ host }) => host)).toEqual(
    Array.from({ length: 16 }, (_, index) => `h${index + 24}.test`),
  )
})
