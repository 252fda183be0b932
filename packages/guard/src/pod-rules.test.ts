import { expect, test } from '@jest/globals'
import { podRules } from './pod-rules.ts'

test('the proxy uid is the only uid that is exempt, and no gid is', () => {
  const rules = podRules({ proxyUid: 123456, inboundPorts: [] })
  expect(new Set(rules.match(/skuid \d+/g))).toEqual(new Set(['skuid 123456']))
  expect(rules).not.toContain('skgid')
})

test('declared ports are open to peers and answer them, each once and in order', () => {
  const rules = podRules({ proxyUid: 1, inboundPorts: [8080, 80, 8080] })
  expect(rules).toContain('tcp dport { 15021, 80, 8080 } accept')
  expect(rules).toContain('tcp sport { 80, 8080 } ct direction reply accept')
})

test('an agent cannot declare the health port of the sidecar and answer there itself', () => {
  expect(podRules({ proxyUid: 1, inboundPorts: [15021] })).toBe(podRules({ proxyUid: 1, inboundPorts: [] }))
})

test('a pod that declares no port answers nobody', () => {
  expect(podRules({ proxyUid: 1, inboundPorts: [] })).not.toContain('tcp sport')
})

test('multicast listener reports, a covert channel, are not let out', () => {
  expect(podRules({ proxyUid: 1, inboundPorts: [] })).not.toContain('mld')
})

test('applying the rules again replaces the table in the same transaction', () => {
  expect(podRules({ proxyUid: 1, inboundPorts: [] })).toMatch(
    /^add table inet chaperone\ndelete table inet chaperone\ntable inet chaperone \{/,
  )
})
