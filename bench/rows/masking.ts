// Masking JSON with every detector, as a body streams: 10 KiB in one chunk, 1 MiB in chunks of 64 KiB.
import { parseResource, agentSession, type AgentSession } from '@chaperone/api'
import { compileMask, createBodyMasker } from '@chaperone/mask'
import { everything } from '../rig/https-stand.ts'
import { report, type Sample } from '../rig/measure.ts'

const chunkBytes = 64 * 1024
const warmUpMs = 2000
const measureMs = 5000

const session = parseResource<AgentSession>(agentSession, {
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'AgentSession',
  metadata: { name: 'bench' },
  spec: { agent: { name: 'bench' }, masking: { profiles: [everything] } },
})
if (!session.ok) throw new Error(JSON.stringify(session.problems))
const mask = compileMask(session.resource.spec.masking.profiles, new Uint8Array(32))!

/** Orders as an API lists them; one in ten has something to mask. */
function json(bytes: number): Buffer {
  const order = (at: number) => ({
    id: `ord_${100_000 + at}`,
    status: 'shipped',
    total: 12.5 + at,
    note:
      at % 10 === 0 ? `mail ada${at}@customer.example or pay by 4111 1111 1111 1111` : 'leave it at the door, please',
    lines: [{ sku: `SKU-${at}`, quantity: 2, title: 'Blue widget, medium, with a handle' }],
  })
  const one = JSON.stringify(order(10_000)).length + 1
  return Buffer.from(JSON.stringify(Array.from({ length: Math.ceil(bytes / one) }, (_, at) => order(at))))
}

function once(body: Buffer): number {
  const masker = createBodyMasker(mask, 'application/json')
  let out = 0
  for (let at = 0; at < body.length; at += chunkBytes) out += masker.push(body.subarray(at, at + chunkBytes)).length
  out += masker.end().length
  if (out === 0 || masker.findings.length === 0) throw new Error('nothing was masked')
  return out
}

/** Processor time of this process, so that a busy machine does not count. */
function measure(body: Buffer): Sample {
  const runFor = (ms: number): number => {
    let runs = 0
    for (const end = performance.now() + ms; performance.now() < end; runs++) once(body)
    return runs
  }
  runFor(warmUpMs)
  const before = process.cpuUsage()
  const runs = runFor(measureMs)
  const { user, system } = process.cpuUsage(before)
  const microseconds = (user + system) / runs
  return { 'core µs': microseconds, 'MB/core-s': body.length / microseconds }
}

report(
  'masking with every detector',
  new Map([
    ['10 KiB JSON', measure(json(10 * 1024))],
    ['1 MiB JSON', measure(json(1024 * 1024))],
  ]),
)
