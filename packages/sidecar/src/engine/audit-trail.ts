import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { EffectivePolicy, Heartbeat, Interception } from '@chaperone/api'
import {
  checkpointDraft,
  createAuditLog,
  createShipper,
  exportSigningKey,
  generateSigningKey,
  importSigningKey,
  type AuditLog,
  type AuditResource,
  type Shipper,
  type SigningKey,
  type Sink,
} from '@chaperone/audit'
import { errorText, type Clock, type PodRef, type Random } from '@chaperone/core'
import type { Logger } from 'pino'
import { readIfPresent } from '../files/read-if-present.ts'
import { writeAtomically } from '../files/write-atomically.ts'
import { version } from '../version.ts'

/** The log of this pod: opened when the pod first learns whose it is, and again at once after a restart. */
export interface AuditTrail {
  readonly log: AuditLog | undefined
  /** Whether this process began the chain. */
  readonly isNew: boolean
  readonly publicKey: string
  /** Idempotent. The first call fixes the resource of every record: it is part of their hashes. */
  open(policy: EffectivePolicy, pod: PodRef): Promise<void>
  readonly status: Heartbeat['audit']
  /** Signs the head, if anything was written since it was last signed. */
  checkpoint(): Promise<void>
  /** Ships what is left, for at most `deadlineMs`, and closes. False when something is left. */
  close(deadlineMs: number): Promise<boolean>
}

export interface AuditTrailOptions {
  readonly directory: string
  readonly maxBytes: number
  readonly sink: Sink
  readonly serviceAccount: string
  readonly interception: Interception
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** How long a cut at the end of the chain may go unnoticed by those who hold no head of it. */
const checkpointIntervalMs = 60_000
const emptyHead = { seq: 0, hash: '0'.repeat(64) }

export async function createAuditTrail(options: AuditTrailOptions): Promise<AuditTrail> {
  const { directory, maxBytes, sink, clock, random } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const key = await openSigningKey(join(directory, 'signing.key'))
  const resourcePath = join(directory, 'resource.json')
  const stop = new AbortController()
  let opened: { readonly log: AuditLog; readonly shipper: Shipper } | undefined
  let isNew = false
  let signedSeq = 0

  const openWith = (resource: AuditResource): void => {
    const log = createAuditLog({ directory, resource, clock, maxBytes })
    isNew = log.head.seq === 0
    opened = { log, shipper: createShipper({ log, sink, clock, random }) }
  }
  const kept = await readIfPresent(resourcePath)
  if (kept !== undefined) openWith(JSON.parse(kept) as AuditResource)

  const trail: AuditTrail = {
    get log() {
      return opened?.log
    },
    get isNew() {
      return isNew
    },
    publicKey: key.publicKey,
    async open(policy, pod) {
      if (opened !== undefined) return
      const resource = resourceOf(policy, pod, options)
      await writeAtomically(resourcePath, JSON.stringify(resource), 0o600)
      openWith(resource)
    },
    get status() {
      const { seq, hash } = opened?.log.head ?? emptyHead
      const problem = opened?.shipper.problem
      return {
        sequence: seq,
        head: hash,
        deliveredSequence: opened?.log.acknowledged ?? 0,
        publicKey: key.publicKey,
        ...(problem === undefined ? {} : { message: problem }),
      }
    },
    async checkpoint() {
      if (opened === undefined || opened.log.head.seq === signedSeq) return
      // What was refused is signed at the next turn.
      signedSeq = (await opened.log.append(checkpointDraft(key, opened.log.head))).seq
    },
    async close(deadlineMs) {
      stop.abort()
      if (opened === undefined) return true
      const delivered = await opened.shipper.flush(deadlineMs)
      await opened.shipper.stop()
      await opened.log.close()
      return delivered
    },
  }
  void signRegularly(trail, options, stop.signal)
  return trail
}

async function signRegularly(trail: AuditTrail, { clock, log }: AuditTrailOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(checkpointIntervalMs, signal).catch(() => undefined)
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it changes while we wait
    if (signal.aborted) return
    await trail.checkpoint().catch((error: unknown) => log.warn({ error: errorText(error) }, 'checkpoint not written'))
  }
}

/** Kept beside the log: both live and end with the pod, and a chain has one key. */
async function openSigningKey(path: string): Promise<SigningKey> {
  const pem = await readIfPresent(path)
  if (pem !== undefined) return importSigningKey(pem)
  const key = generateSigningKey()
  await writeAtomically(path, exportSigningKey(key), 0o600)
  return key
}

/** OpenTelemetry resource attributes where they exist. */
function resourceOf(
  { session }: EffectivePolicy,
  pod: PodRef,
  { serviceAccount, interception }: AuditTrailOptions,
): AuditResource {
  return {
    'service.name': 'chaperone-sidecar',
    'service.version': version,
    'k8s.namespace.name': pod.namespace,
    'k8s.pod.name': pod.name,
    'k8s.pod.uid': pod.uid,
    ...(serviceAccount === '' ? {} : { 'chaperone.service_account.name': serviceAccount }),
    // Who reads a chain of such a pod has to know that it may not be all that the agent did.
    ...(interception === 'Proxy' ? { 'chaperone.interception': 'Proxy' } : {}),
    'chaperone.session.name': session.name,
    'chaperone.session.uid': session.uid,
    'chaperone.agent.name': session.agent,
    'chaperone.agent.owner': session.owner,
  }
}
