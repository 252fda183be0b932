import type { KubeObject } from '../client/object.ts'
import type { Resource } from '../client/resource.ts'

/** events.k8s.io/v1 Event. */
export interface KubeEvent extends KubeObject {
  readonly eventTime: string
  readonly reportingController: string
  readonly reportingInstance: string
  readonly regarding: ObjectReference
  readonly related?: ObjectReference
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly action: string
  readonly note: string
  readonly series?: EventSeries
}

export interface EventSeries {
  readonly count: number
  readonly lastObservedTime: string
}

export interface ObjectReference {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
  readonly uid?: string
}

/** What happened, to which object. */
export interface EventInput {
  readonly regarding: KubeObject
  readonly related?: KubeObject
  readonly type: 'Normal' | 'Warning'
  /** UpperCamelCase, why: `PolicyInvalid`. */
  readonly reason: string
  /** UpperCamelCase, what was done: `Reconcile`, `Inject`. */
  readonly action: string
  /** For people; cut at 1 kB. */
  readonly note: string
}

export const events: Resource<KubeEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
}

/** The server's limits: pkg/apis/core/validation/events.go. */
const maxNoteBytes = 1024
const maxWordChars = 128
/** Names of objects are at most 253 characters, and the suffix is 17. */
const maxNameChars = 253 - 17

export function referenceTo({ apiVersion, kind, metadata }: KubeObject): ObjectReference {
  const { namespace, name = '', uid } = metadata
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  }
}

/** The Event to create. Events about cluster-scoped objects live in `default`. `suffix`: 16 hexadecimal digits. */
export function eventObject(
  input: EventInput,
  from: { readonly controller: string; readonly instance: string; readonly time: string; readonly suffix: string },
): KubeEvent {
  const regarding = referenceTo(input.regarding)
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace: regarding.namespace ?? 'default', name: `${prefixOf(regarding)}.${from.suffix}` },
    eventTime: from.time,
    reportingController: from.controller,
    reportingInstance: from.instance.slice(0, maxWordChars),
    regarding,
    ...(input.related === undefined ? {} : { related: referenceTo(input.related) }),
    type: input.type,
    reason: input.reason.slice(0, maxWordChars),
    action: input.action.slice(0, maxWordChars),
    note: cut(input.note),
  }
}

/** The object's name where an event may be called so: RBAC, for one, allows more characters (RFC 1123 §2.1). */
function prefixOf({ kind, name }: ObjectReference): string {
  const short = name.slice(0, maxNameChars)
  return /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(short) ? short : kind.toLowerCase()
}

/** At most `maxNoteBytes` of UTF-8, never half a character; a cut note ends in an ellipsis. */
function cut(note: string): string {
  const bytes = Buffer.from(note)
  if (bytes.length <= maxNoteBytes) return note
  let end = maxNoteBytes - Buffer.byteLength('…')
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return `${bytes.subarray(0, end).toString('utf8')}…`
}
