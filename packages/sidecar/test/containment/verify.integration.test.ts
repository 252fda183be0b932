import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { guardRules, startContainedPod, startTimeoutMs, type ContainedPod } from './contained-pod.ts'

let pod: ContainedPod
beforeAll(async () => {
  pod = await startContainedPod({ isVerified: true })
}, startTimeoutMs)
afterAll(() => pod.close())

/** The status that an honest agent gets for an allowed page. */
async function page(): Promise<string> {
  const answer = String(await pod.agent.value('page', { host: 'steady.test' }))
  return answer.endsWith('outside') ? 'the page' : (/"reason":"(\w+)"/.exec(answer)?.[1] ?? answer)
}

/** Several self-tests, some of which wait for an answer that does not come. */
const selfTestsMs = 60_000

test(
  'nothing passes before the first self-test, and everything that is allowed after it',
  async () => {
    expect(await page()).toBe('NotContained')
    const { code, said, terminationMessage } = await pod.verify()
    expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^12 ways out were tried, none was open\n/) })
    expect(said).not.toContain('OPEN')
    expect(terminationMessage).toBe('12 ways out were tried, none was open')
    expect(await page()).toBe('the page')
  },
  selfTestsMs,
)

test(
  'a guard that is taken away is found out: from then on nothing passes until a self-test finds it again',
  async () => {
    await pod.sandbox.nft('flush ruleset')
    const { code, said, terminationMessage } = await pod.verify('again')
    expect(code).toBe(1)
    expect(said).toMatch(/^\d+ of 12 ways out are open: .*UDP 443 over IPv4 \(datagrams were sent\)/)
    expect(terminationMessage).toBe(said.split('\n')[0])
    await pod.recorded('containment.changed', {
      'chaperone.containment.reason': 'EscapeFound',
      'chaperone.message': terminationMessage.slice(0, 512),
    })
    // What verify tried before, when the guard was there, is no attempt of the agent.
    expect(await pod.isRecorded('bypass.attempt', {})).toBe(false)
    await pod.sandbox.nft(guardRules)
    // The guard is back, but nobody has seen that yet.
    expect(await page()).toBe('NotContained')
    expect((await pod.verify()).code).toBe(0)
    expect(await page()).toBe('the page')
  },
  selfTestsMs,
)

test.each([
  [
    'that lets UDP out',
    ['policy drop', 'policy accept'],
    ['meta skuid != 1234567 drop', 'meta skuid 1 drop'],
    'UDP 443 over IPv4',
  ],
  ['that leads TCP nowhere', ['meta l4proto tcp redirect to :15001', ''], ['', ''], 'TCP over IPv4'],
] as const)(
  'a guard %s fails the self-test',
  async (_, first, second, found) => {
    let rules = guardRules
    for (const [part, by] of [first, second]) {
      expect(rules).toContain(part)
      rules = rules.replaceAll(part, by)
    }
    await pod.sandbox.nft(rules)
    const { code, said } = await pod.verify('again')
    await pod.sandbox.nft(guardRules)
    expect({ code, said: said.split('\n')[0] }).toEqual({ code: 1, said: expect.stringContaining(found) })
  },
  selfTestsMs,
)

test(
  'a guard that leads questions nowhere lets none out: nothing is proved, so that the last report stands',
  async () => {
    await pod.sandbox.nft(guardRules.replace('udp dport 53 redirect to :15053', ''))
    const { code, said } = await pod.verify('again')
    await pod.sandbox.nft(guardRules)
    expect({ code, said }).toEqual({
      code: 0,
      said: expect.stringMatching(
        /^the sidecar was not heard of, nothing could be proved: DNS over UDP to another server/,
      ),
    })
  },
  selfTestsMs,
)

test(
  'a sidecar that is too busy to answer proves nothing and is no way out, so that the last report stands',
  async () => {
    expect((await pod.verify()).code).toBe(0)
    pod.sidecar.signal('SIGSTOP')
    const { code, said } = await pod.verify('again')
    pod.sidecar.signal('SIGCONT')
    expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^the sidecar was not heard of/) })
    expect(await page()).toBe('the page')
  },
  selfTestsMs,
)

test(
  'while the sidecar is away a self-test proves nothing, so that the last report stands; the first one waits for it',
  async () => {
    await pod.sidecar.kill()
    const { code, said } = await pod.verify('again')
    expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^the sidecar does not listen/) })
    const first = pod.verify()
    await pod.sidecar.start()
    expect(await first).toMatchObject({ code: 0, said: expect.stringMatching(/^12 ways out were tried/) })
    expect(await page()).toBe('the page')
  },
  selfTestsMs,
)

test(
  'a guard that is lost while the sidecar is away is found out by what is sent to nobody',
  async () => {
    await pod.sidecar.kill()
    await pod.sandbox.nft('flush ruleset')
    const { code, said } = await pod.verify('again')
    await pod.sandbox.nft(guardRules)
    await pod.sidecar.start()
    expect({ code, said }).toEqual({
      code: 1,
      said: expect.stringMatching(/^\d of 12 ways out are open: UDP 443 over IPv4 \(datagrams were sent\)/),
    })
    expect(await page()).toBe('NotContained')
    expect((await pod.verify()).code).toBe(0)
  },
  selfTestsMs,
)

test(
  'an agent that holds more connections than the sidecar serves proves nothing and is no way out',
  async () => {
    await pod.agent.value('hold', { count: 2100 })
    const { code, said } = await pod.verify('again')
    await pod.agent.value('release')
    expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^the sidecar was not heard of/) })
  },
  selfTestsMs,
)

test(
  'the first self-test gives a sidecar up that does not come, and proves nothing',
  async () => {
    await pod.sidecar.kill()
    expect(await pod.verify()).toMatchObject({
      code: 1,
      said: 'the sidecar does not listen, nothing could be proved\n',
    })
    await pod.sidecar.start()
  },
  selfTestsMs,
)
