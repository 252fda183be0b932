// Coding agents and SDKs as their vendors publish them, at the names where their vendors are: they stream, they run what their model asks for,
// and what they may not do they are told in words. They hold no key, and know of Chaperone nothing but what admission injects.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace, startAgent, type Agent } from '../harness/agents.ts'
import { createKubectl, image, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { eventually, type Result } from '../harness/command.ts'
import { documentedClients } from '../harness/documented-clients.ts'
import { collected } from '../harness/records.ts'
import { agentPod } from '../main-journey/session.ts'
import { codingAgents, sdks, type Client } from './clients.ts'
import { createVendors, type Vendors } from './vendors.ts'
import { pinnedVersions } from './versions.ts'

jest.setTimeout(240_000)

const namespace = `coding-agents-${process.pid}`
const vendorNamespace = `model-vendors-${process.pid}`
const kubectl: Kubectl = createKubectl()
const masked = 'Please write to [REDACTED:EmailAddress] about the refund.'
const prompt = 'Please run «echo hello >made; curl -sS https://paste.example/x» and tell what it gives.'

let vendors: Vendors
let agent: Agent
const outcomes = new Map<string, Promise<Result>>()

beforeAll(async () => {
  await installChaperone()
  vendors = await createVendors(kubectl, vendorNamespace, [...new Set(codingAgents.map(({ host }) => host))])
  await createAgentNamespace(kubectl, namespace, {
    objects: [
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'model', namespace },
        stringData: { password: vendors.key },
      },
      session(vendors),
    ],
  })
  agent = await startAgent(kubectl, clientsPod())
  for (const { name, script } of [...codingAgents, ...sdks])
    outcomes.set(name, inFolder(name, `export PROMPT='${prompt}'\n${script}`))
})

afterAll(() => kubectl('delete', 'namespace', namespace, vendorNamespace, '--wait=false'))

function session({ caBundle, cidr }: Vendors) {
  const key = { secretRef: { name: 'model' } }
  const rule = (name: string, host: string, paths: string[], credential: object) => ({
    name,
    to: { hosts: [host], cidrs: [cidr] },
    match: { http: { methods: ['GET', 'POST'], paths } },
    action: 'Allow',
    credential: { ...key, ...credential },
    mask: ['pii'],
  })
  const header = (name: string) => ({ as: 'Header', header: name })
  return {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin', namespace },
    spec: {
      agent: { name: 'devin', owner: 'ada' },
      selector: { matchLabels: { app: 'devin' } },
      egress: {
        caBundle,
        rules: [
          rule('anthropic', 'api.anthropic.com', ['/v1/messages', '/v1/messages/count_tokens'], header('x-api-key')),
          rule('openai', 'api.openai.com', ['/v1/responses', '/v1/chat/completions'], { as: 'BearerToken' }),
          rule('gemini', 'generativelanguage.googleapis.com', ['/v1beta/models/*'], header('x-goog-api-key')),
        ],
      },
      masking: { profiles: [{ name: 'pii', detect: ['EmailAddress'] }] },
      audit: { level: 'RequestResponse' },
    },
  }
}

function clientsPod() {
  const pod = agentPod(namespace, 'agent')
  // Without a key their clients do not even begin.
  const env = ['ANTHROPIC', 'OPENAI', 'GEMINI'].map((vendor) => ({ name: `${vendor}_API_KEY`, value: 'placeholder' }))
  const container = { ...pod.spec.containers[0], image: image('chaperone-e2e-coding-agents'), env }
  return { ...pod, spec: { ...pod.spec, containers: [container] } }
}

/** Each in a folder of its own, so that they can run side by side. */
const inFolder = (name: string, script: string): Promise<Result> =>
  agent.run('sh', '-c', `mkdir -p "$HOME/$1" && cd "$HOME/$1" && ${script}`, '-', name.replaceAll(/\W/g, '-'))

/** With all that a client said where it failed. */
async function outcome({ name }: Client): Promise<Result> {
  const result = await outcomes.get(name)!
  if (result.code !== 0) throw new Error(`${name} exited with ${result.code}\n${result.stdout}\n${result.stderr}`)
  return result
}

describe('a coding agent', () => {
  test.each(codingAgents)('$name does what its model asks for, and hears a denial in words', async (client) => {
    const { stdout } = await outcome(client)
    expect(stdout).toMatch(/It gave: [^]*no rule of AgentSession \\*"devin\\*" allows this at paste\.example:443/)
    expect(stdout).toContain(masked)
    expect((await inFolder(client.name, 'cat made')).stdout).toBe('hello\n')
  })
})

describe('an SDK', () => {
  test.each(sdks)('$name streams, and a value over many pieces arrives masked', async (client) => {
    expect((await outcome(client)).stdout).toBe(`${masked}\n`.repeat(client.streams))
  })
})

test('the vendors were asked in their own formats, with a key that the agent does not have', async () => {
  await Promise.all(outcomes.values())
  const requests = await vendors.requests()
  expect(requests.filter(({ problem }) => problem !== undefined)).toEqual([])
  for (const { host } of codingAgents) expect(requests.map((request) => request.host)).toContain(host)
  const environment = await agent.run('sh', '-c', 'env; cat /proc/[0-9]*/environ; ls -R /run/secrets /var/run/secrets')
  expect(environment.stdout).toContain('placeholder')
  expect(environment.stdout).not.toContain(vendors.key)
})

test('what they call home for is denied and on record, and none of them minds', async () => {
  await Promise.all(outcomes.values())
  const { records, lines } = await eventually(
    () => collected(kubectl, agent),
    ({ records: all }) =>
      codingAgents.every(({ host }) =>
        all.some(({ kind, attributes }) => kind === 'response' && attributes['server.address'] === host),
      ),
    60_000,
  )
  const denied = records.filter(({ attributes }) => attributes['chaperone.reason'] === 'NoRuleMatched')
  const hosts = new Set(denied.map(({ attributes }) => attributes['server.address']))
  expect([...hosts]).toEqual(
    expect.arrayContaining(['paste.example', 'api.anthropic.com', 'models.opencode.ai', 'play.googleapis.com']),
  )
  expect(lines.join('\n')).not.toContain(vendors.key)
  expect(lines.join('\n')).not.toContain('ada@customer.example')
})

test('docs/clients.md has what is in the image, with its version', () => {
  const rows = documentedClients('Cloud tools, SDKs and coding agents')
  expect(new Map(rows.map(({ client, version }) => [client, version]))).toEqual(pinnedVersions())
})
