// A pod without guard: the real sidecar and the real verify in a network namespace, and clients that go by variables.
import { once } from 'node:events'
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { sidecarPorts } from '@chaperone/guard'
import { createPodSandbox, root, sandboxAddresses, type PodSandbox, type PythonActor } from '@chaperone/testkit'
import { program, proxyUid, sidecarIn, startTimeoutMs, upstream, type Sidecar } from '../containment/contained-pod.ts'
import { startDirector, type Director } from '../containment/director.ts'

let sandbox: PodSandbox
let director: Director
let sidecar: Sidecar
let outside: PythonActor
let own: string

beforeAll(async () => {
  sandbox = await createPodSandbox()
  own = join(sandbox.directory, 'sidecar')
  mkdirSync(own, { mode: 0o711 })
  director = await startDirector(join(own, 'control.sock'))
  for (const path of [own, join(own, 'control.sock')]) chownSync(path, proxyUid, proxyUid)
  outside = await sandbox.actor('outside', root, new URL('../containment/outside.py', import.meta.url).pathname)
  await outside.value('serve_dns', { address: sandboxAddresses.gateway.v4 })
  await outside.value('serve_http', { address: upstream.v4, port: 80 })
  await outside.value('answer', { name: 'steady.test', addresses: [upstream.v4] })
  await outside.value('answer', { name: 'resetting.test', addresses: [upstream.v4] })
  sidecar = sidecarIn(sandbox, own, { director, environment: { CHAPERONE_INTERCEPTION: 'Proxy' } })
  await sidecar.start()
}, startTimeoutMs)
afterAll(async () => {
  await sidecar.kill()
  director.close()
  sandbox.close()
})

const proxy = (host: string) => `http://${host}:${sidecarPorts.proxy}`
/** Somebody without root, as the agent is. */
async function asAgent(command: readonly string[], environment: Readonly<Record<string, string>>) {
  const child = sandbox.start({ uid: 2000 }, command, environment)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}
const curl = async (http_proxy: string, ...urls: readonly string[]): Promise<string[]> => {
  const each = urls.flatMap((url) => ['-o', '/dev/null', url])
  const format = '%{http_code} %{num_connects}\n'
  const { output } = await asAgent(['curl', '-sS', '--max-time', '10', '-w', format, ...each], { http_proxy })
  return output.trim().split('\n')
}
const verify = (address: string, ...mode: readonly 'again'[]) =>
  asAgent([...program(sandbox, 'verify/main.ts'), ...mode], {
    CHAPERONE_TRUST_DIR: join(own, 'trust'),
    CHAPERONE_VERIFY_DIR: join(own, 'verify'),
    CHAPERONE_TERMINATION_LOG: '/dev/null',
    CHAPERONE_FIRST_PROCESS: readFileSync('/proc/1/comm', 'utf8').trimEnd(),
    CHAPERONE_INTERCEPTION: 'Proxy',
    HTTPS_PROXY: address,
  })

test.each(['127.0.0.1', '[::1]'])('a client that is led to %s is met and judged', async (host) => {
  expect(await curl(proxy(host), 'http://steady.test/')).toEqual(['200 1'])
  expect(await curl(proxy(host), 'http://elsewhere.test/')).toEqual(['403 1'])
})

test('one client may ask for one host after another: each is judged, on a connection of its own', async () => {
  const urls = ['http://steady.test/', 'http://resetting.test/', 'http://elsewhere.test/', 'http://steady.test/']
  expect(await curl(proxy('127.0.0.1'), ...urls)).toEqual(['200 1', '200 1', '403 1', '200 1'])
})

test('peers of the pod do not find the proxy', async () => {
  for (const address of Object.values(sandboxAddresses.pod))
    expect(await outside.call('read_from', { address, port: sidecarPorts.proxy })).toEqual({
      kind: 'refused',
      errno: 'ECONNREFUSED',
    })
})

describe('verify', () => {
  let alive = true
  beforeEach(async () => {
    if (!alive) await sidecar.start()
    alive = true
  }, startTimeoutMs)

  test('lets the agent start when clients meet the sidecar, and claims no more than that', async () => {
    const { code, output } = await verify(proxy('127.0.0.1'))
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('the pod has no guard') })
  })

  test('fails when there is nobody', async () => {
    await sidecar.kill()
    alive = false
    const { code, output } = await verify(proxy('127.0.0.1'), 'again')
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining('ECONNREFUSED') })
  })

  test('fails when somebody else is there', async () => {
    const { code, output } = await verify(`http://${upstream.v4}:80`, 'again')
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining('do not meet the sidecar') })
  })
})
