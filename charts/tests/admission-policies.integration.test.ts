// The admission policies of the chart on a real API server, with no webhook: what they refuse, in which words, and that
// every rule of theirs is needed.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { refusals, type Pod } from '@chaperone/operator/inject'
import { mutants, ruleOf, startAdmissionServer, type AdmissionServer } from './admission-server.ts'
import { honestRequests, hostileRequests } from './hostile-requests.ts'
import { hazards, proxyHazards, type Hazard } from './hazards.ts'
import { workload } from './injected-pod.ts'

jest.setTimeout(300_000)

let server: AdmissionServer
beforeAll(async () => {
  server = await startAdmissionServer()
})
afterAll(() => server.stop())

test.each(hostileRequests.map((request) => [request.title, request] as const))(
  '%s is refused, naming what is wrong',
  async (_, request) => {
    const { status, message } = await server.send(request)
    expect({ refused: status >= 400, message }).toEqual({
      refused: true,
      message: expect.stringContaining(request.names),
    })
    expect(message).toContain(`ValidatingAdmissionPolicy '${request.policy}'`)
  },
)

test.each(honestRequests.map((request) => [request.title, request] as const))('%s is accepted', async (_, request) => {
  const { status, message } = await server.send(request)
  expect({ accepted: status < 300, message }).toEqual({ accepted: true, message: expect.anything() })
})

const template = (change: Hazard[2]) => (workload('ReplicaSet', change) as { spec: { template: Pod } }).spec.template

test.each(hazards)('the webhook refuses a pod with %s too', (_title, _field, change) => {
  expect(refusals(template(change)).join('\n')).toMatch(/^spec\./)
})

test.each(proxyHazards)('the webhook refuses a pod with %s too, in mode Proxy', (_title, _field, change) => {
  expect(refusals(template(change), [], 'Proxy').join('\n')).toMatch(/^spec\./)
  expect(refusals(template(change))).toEqual([])
})

describe('without one of its rules, a policy lets something through:', () => {
  test.each(mutants.map((mutant) => [ruleOf(mutant), mutant] as const))('%s', async (_, mutant) => {
    expect(await server.admittedWithout(mutant)).toBeDefined()
  })
})
