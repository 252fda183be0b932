import { X509Certificate } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { systemRandom } from '@chaperone/core'
import { isIssuedBy, splitBundle } from './authority.ts'
import { desiredCertificates, overlapMs, type Certificates } from './desired.ts'

const names = ['chaperone-control.chaperone-system.svc']
const dayMs = 24 * 3_600_000
const start = Date.parse('2026-01-01T00:00:00Z')
const at = (current: Certificates | undefined, nowMs: number) =>
  desiredCertificates(current, names, nowMs, systemRandom)
/** What is served is trusted by who trusts `bundle`. */
const isTrusted = (certificate: string, bundle: string) =>
  splitBundle(bundle).some((authority) => isIssuedBy(certificate, authority))

test('the first certificates are good for the service and chain to what is published', async () => {
  const first = await at(undefined, start)
  expect(new X509Certificate(first.certificate).checkHost(names[0]!)).toBe(names[0])
  expect(isTrusted(first.certificate, first.caBundle)).toBe(true)
  expect(new X509Certificate(first.certificate).subject).not.toBe(new X509Certificate(first.certificate).issuer)
})

test('nothing changes while nothing is worn', async () => {
  const first = await at(undefined, start)
  expect(await at(first, start + 10 * dayMs)).toBe(first)
})

test('a worn leaf is renewed under the same authority', async () => {
  const first = await at(undefined, start)
  const renewed = await at(first, start + 21 * dayMs)
  expect(renewed.certificate).not.toBe(first.certificate)
  expect(renewed.caBundle).toBe(first.caBundle)
})

test('an authority is changed with overlap: at every step old and new bundle trust what is served', async () => {
  let current = await at(undefined, start)
  let nowMs = start
  const steps: string[] = []
  for (
    ;
    nowMs < start + 300 * dayMs;
    nowMs += nowMs > start + 243 * dayMs && nowMs < start + 245 * dayMs ? overlapMs / 2 : dayMs
  ) {
    const next = await at(current, nowMs)
    if (next === current) continue
    expect(isTrusted(next.certificate, current.caBundle)).toBe(true)
    expect(isTrusted(current.certificate, next.caBundle)).toBe(true)
    if (next.caBundle !== current.caBundle) steps.push(`bundle of ${splitBundle(next.caBundle).length}`)
    else if (steps.length > 0) steps.push('leaf')
    current = next
  }
  expect(steps.slice(0, 3)).toEqual(['bundle of 2', 'leaf', 'bundle of 1'])
})
