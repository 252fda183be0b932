import { expect, test } from '@jest/globals'
import type { EventInput } from '@chaperone/kube'
import { createCertificateEvents } from './certificate-events.ts'

const caller = {
  pod: { namespace: 'agents', name: 'agent', uid: 'p' },
  serviceAccount: 'system:serviceaccount:agents:default',
  session: { name: 'devin', uid: 's' },
}
const refusal = (host: string, count: number) => ({ host, port: 443, cause: 'unknown_ca', count })

test('a refusal is told once, and again when there are more of it', () => {
  const recorded: EventInput[] = []
  const events = createCertificateEvents({ record: (input) => recorded.push(input) })
  events.report(caller, [refusal('a.test', 1)])
  events.report(caller, [refusal('a.test', 1), refusal('b.test', 2)])
  events.report(caller, [refusal('a.test', 2), refusal('b.test', 2)])
  const hosts = recorded.map(({ note }) => /for (\S+):443/.exec(note)?.[1])
  expect(hosts).toEqual(['a.test', 'b.test', 'a.test'])
  expect(recorded[0]).toMatchObject({
    regarding: { kind: 'Pod', metadata: { name: 'agent', uid: 'p' } },
    related: { kind: 'AgentSession', metadata: { name: 'devin' } },
    type: 'Warning',
    reason: 'CertificateRefused',
    note: expect.stringContaining('to.tls: Passthrough'),
  })
})

test('a pod that is gone is forgotten, and one of the same uid told anew', () => {
  const recorded: EventInput[] = []
  const events = createCertificateEvents({ record: (input) => recorded.push(input) })
  events.report(caller, [refusal('a.test', 1)])
  events.forget('p')
  events.report(caller, [refusal('a.test', 1)])
  expect(recorded).toHaveLength(2)
})
