import {
  containmentReasons,
  maxRefusedCertificates,
  type Contained,
  type Heartbeat,
  type PodStatus,
  type RefusedCertificate,
} from '@chaperone/api'
import { CodedError, errorText, type Clock } from '@chaperone/core'
import type { Logger } from 'pino'
import type { Caller } from './caller.ts'

export class HeartbeatError extends CodedError<'ERR_HEARTBEAT_INVALID'> {}

/** Status is written at most this often for a session. */
export const flushIntervalMs = 2000

export interface Heartbeats {
  /** Returns what is well-formed of it. Throws HeartbeatError, which names the field. */
  receive(caller: Caller, heartbeat: Heartbeat): Heartbeat
  /** Writes what has changed since the last flush; the caller runs it every `flushIntervalMs`. */
  flush(): Promise<void>
  /** Forgets a pod that is gone. */
  forget(podUid: string): void
}

/** `status.pods` of sessions. */
export interface PodStatuses {
  /** What stands there of a pod, as last seen. */
  readonly written: (namespace: string, session: string, podUid: string) => PodStatus | undefined
  /** Replaces the entries that this replica wrote. */
  readonly apply: (namespace: string, session: string, pods: readonly PodStatus[]) => Promise<void>
}

interface Entry {
  readonly namespace: string
  readonly session: string
  readonly status: PodStatus
}

/**
 * Collects what sidecars report to this replica and writes it, batched, into `status.pods` by server-side apply: a list
 * map by uid, so that replicas do not disturb one another.
 */
export function createHeartbeats(statuses: PodStatuses, clock: Clock, log: Logger): Heartbeats {
  const entries = new Map<string, Entry>()
  const dirty = new Set<string>()
  const keyOf = (entry: Entry) => `${entry.namespace}/${entry.session}`
  /** The pod reports to another replica by now; writing what we know of it would turn its counters back. */
  const isSuperseded = ({ namespace, session, status }: Entry): boolean => {
    const written = statuses.written(namespace, session, status.uid)
    return written !== undefined && Date.parse(written.lastHeartbeatTime) > Date.parse(status.lastHeartbeatTime)
  }
  const entriesOf = (key: string): Entry[] => {
    const ofSession = [...entries.values()].filter((entry) => keyOf(entry) === key)
    for (const entry of ofSession) if (isSuperseded(entry)) entries.delete(entry.status.uid)
    return ofSession.filter((entry) => entries.has(entry.status.uid))
  }
  return {
    receive(caller, heartbeat) {
      const parsed = parseHeartbeat(heartbeat)
      const entry = {
        namespace: caller.pod.namespace,
        session: caller.session.name,
        status: podStatus(caller, parsed, clock.now()),
      }
      const before = entries.get(caller.pod.uid)
      entries.set(caller.pod.uid, entry)
      if (before === undefined || worthWriting(before.status, entry.status)) dirty.add(keyOf(entry))
      return parsed
    },
    async flush() {
      const keys = [...dirty]
      dirty.clear()
      for (const key of keys) {
        const ofSession = entriesOf(key)
        const [first] = ofSession
        if (first === undefined) continue
        try {
          await statuses.apply(
            first.namespace,
            first.session,
            ofSession.map((entry) => entry.status),
          )
        } catch (error) {
          dirty.add(key)
          log.warn({ session: key, error: errorText(error) }, 'status not written; trying again')
        }
      }
    },
    forget(podUid) {
      entries.delete(podUid)
    },
  }
}

/** A heartbeat that changed nothing is written once a minute, so that `lastHeartbeatTime` stays meaningful. */
const refreshMs = 60_000

function worthWriting(before: PodStatus, after: PodStatus): boolean {
  const { lastHeartbeatTime: old, ...then } = before
  const { lastHeartbeatTime: fresh, ...now } = after
  return JSON.stringify(then) !== JSON.stringify(now) || Date.parse(fresh) - Date.parse(old) >= refreshMs
}

function podStatus(caller: Caller, heartbeat: Heartbeat, nowMs: number): PodStatus {
  const { contained, counters, audit, policyHash } = heartbeat
  return {
    uid: caller.pod.uid,
    name: caller.pod.name,
    contained: contained.ok,
    containedReason: contained.reason,
    ...(contained.message === undefined ? {} : { containedMessage: contained.message }),
    ...(contained.checkedAt === undefined ? {} : { lastCheckTime: contained.checkedAt }),
    ...(policyHash === undefined ? {} : { policyHash }),
    lastHeartbeatTime: new Date(nowMs).toISOString(),
    ...counters,
    audit,
  }
}

function parseHeartbeat(body: unknown): Heartbeat {
  const heartbeat = body as Partial<Heartbeat> | null
  const problem = (field: string, expected: string) =>
    new HeartbeatError('ERR_HEARTBEAT_INVALID', `${field}: expected ${expected}`)
  const { contained, counters, audit, policyHash } = heartbeat ?? {}
  if (typeof contained?.ok !== 'boolean') throw problem('contained.ok', 'a boolean')
  if (counters === undefined || ![counters.requests, counters.denied, counters.masked].every(isCount))
    throw problem('counters', 'counts of requests, denied, masked')
  if (
    audit === undefined ||
    ![audit.sequence, audit.deliveredSequence].every(isCount) ||
    typeof audit.head !== 'string'
  )
    throw problem('audit', 'sequence, head and deliveredSequence')
  return {
    contained: parseContained(contained),
    counters: { requests: counters.requests, denied: counters.denied, masked: counters.masked },
    audit: {
      sequence: audit.sequence,
      head: audit.head.slice(0, 64),
      deliveredSequence: audit.deliveredSequence,
      ...short('publicKey', audit.publicKey, 256),
      ...short('message', audit.message, 512),
    },
    ...short('policyHash', policyHash, 64),
    ...refusedCertificates(heartbeat?.refusedCertificates),
  }
}

/** Sidecars of older versions give no reason, and never looked again. */
function parseContained({ ok, reason, message, checkedAt }: Partial<Contained> & Pick<Contained, 'ok'>): Contained {
  const known = containmentReasons.find((each) => each === reason) ?? (ok ? 'Verified' : 'EscapeFound')
  const checkedMs = Date.parse(String(checkedAt))
  return {
    ok,
    reason: known,
    ...short('message', message, 512),
    ...(Number.isNaN(checkedMs) ? {} : { checkedAt: new Date(checkedMs).toISOString() }),
  }
}

function refusedCertificates(value: unknown): Pick<Heartbeat, 'refusedCertificates'> {
  if (value === undefined) return {}
  const list = Array.isArray(value) ? (value as Partial<RefusedCertificate>[]) : []
  if (list.length === 0 || list.length > maxRefusedCertificates || !list.every(isRefusedCertificate))
    throw new HeartbeatError(
      'ERR_HEARTBEAT_INVALID',
      `refusedCertificates: expected up to ${maxRefusedCertificates} of host, port, cause and count`,
    )
  return { refusedCertificates: list as RefusedCertificate[] }
}

function isRefusedCertificate({ host, port, cause, count }: Partial<RefusedCertificate>): boolean {
  const isWord = (word: unknown): boolean => typeof word === 'string' && /^[-\w.: ]{1,253}$/.test(word)
  return isWord(host) && isWord(cause) && isCount(port) && isCount(count)
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

function short<Name extends string>(name: Name, value: unknown, max: number): { [N in Name]?: string } {
  return typeof value === 'string' ? ({ [name]: value.slice(0, max) } as { [N in Name]: string }) : {}
}
