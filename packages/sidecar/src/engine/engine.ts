import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import type { Credential } from '@chaperone/api'
import type { Action, Clock, DenialReason, PodRef, Random, RuleRef, Target } from '@chaperone/core'
import type { Mask } from '@chaperone/mask'
import type { CompiledPolicy, Effects, Verdict } from '@chaperone/policy'
import type { RefusedCertificates } from '../tls/refused-certificates.ts'
import type { ApprovalBook } from '../approvals/approval-book.ts'

/**
 * What protocol drivers share. A driver turns bytes into actions, asks `authorize`, and performs what it is told;
 * everything about policy, approvals, audit, masking, credentials and dialling is behind these ports.
 */
export interface Engine {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly policy: PolicyHolder
  readonly recorder: Recorder
  readonly upstream: UpstreamDialer
  readonly credentials: CredentialStore
  readonly refusedCertificates: RefusedCertificates
  readonly approvals: Pick<ApprovalBook, 'watch'>
  /** The mask of these profiles under the policy in force; undefined when `profiles` is empty. */
  mask(profiles: readonly string[]): Mask | undefined
  /**
   * Judges, holds where a person must decide, and records the request; resolves when the action may pass or may not.
   * `signal` aborts when the client goes away: a held request is then cancelled. The record is durable before it resolves
   * `pass` where the rule says so. Never rejects: a failure is a refusal.
   */
  authorize(request: AuthorizeRequest, signal: AbortSignal): Promise<Authorization>
}

export interface AuthorizeRequest {
  readonly connectionId: string
  readonly action: Action
  /** More for the reviewer and the record: body or statement as sent (not masked); bounded by the caller. */
  readonly payload?: { readonly contentType: string; readonly bytes: Uint8Array }
  /** Called when the action starts to wait for a person, so that the client can be given a sign of life. */
  readonly onHeld?: (approvalName: string) => void
}

export type Authorization =
  | {
      readonly kind: 'pass'
      readonly effects: Effects
      readonly rule: RuleRef
      readonly requestSeq: number
      readonly approval?: string
    }
  | Refusal

/** Everything `rescue/<protocol>` needs to say no in the protocol's own words. */
export interface Refusal {
  readonly kind: 'refuse'
  readonly reason: DenialReason
  readonly message: string
  readonly rule?: RuleRef
  readonly approval?: { readonly name: string; readonly retryAfterSeconds?: number }
}

/** The policy in force, and who wants to know when it changes. */
export interface PolicyHolder {
  readonly current: CompiledPolicy | undefined
  readonly pod: PodRef | undefined
  /** Judges without holding or recording, for connections and DNS. */
  peek(action: Action): Verdict
  /** Runs on every change; suspended, ended and unbound sessions must cut what is open. Returns the way to stop listening. */
  subscribe(listener: (policy: CompiledPolicy | undefined) => void): () => void
}

/** Appends to the audit log. Attribute names are OpenTelemetry's where they exist. Payload is masked before it comes here. */
export interface Recorder {
  append(
    kind: RecordKind,
    attributes: Attributes,
    options?: { readonly body?: string; readonly commit?: boolean },
  ): Promise<number>
}

export type RecordKind =
  | 'session.started'
  | 'session.ended'
  | 'connection.opened'
  | 'connection.closed'
  | 'connection.blocked'
  | 'passthrough'
  | 'request'
  | 'response'
  | 'query'
  | 'result'
  | 'message'
  | 'dns'
  | 'approval.requested'
  | 'approval.decided'
  | 'masked'
  | 'credential.injected'
  | 'bypass.attempt'
  | 'containment.changed'
  | 'policy.changed'

export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

export interface UpstreamDialer {
  /**
   * Resolves the name ourselves, refuses forbidden addresses (loopback, link-local, metadata, node, API server, multicast …
   * unless `cidrs` lists them; private ones of names outside the cluster, unless it has a range around them) and connects over TCP. Rejects with `UpstreamError` whose `reason` is a DenialReason.
   */
  connect(
    target: Target,
    options: { readonly cidrs?: readonly string[]; readonly signal: AbortSignal },
  ): Promise<Socket>
  /** TLS over an open socket, verified for `servername` against public roots and the policy's bundle. */
  secure(
    socket: Duplex,
    options: { readonly servername: string; readonly alpnProtocols?: readonly string[]; readonly signal: AbortSignal },
  ): Promise<TLSSocket>
}

/** Values that only the sidecar can read. */
export interface CredentialStore {
  /** Rejects with a CodedError that names the Secret and key, never a value. */
  read(credential: Credential): Promise<string>
}

/** What records call a credential. */
export const credentialName = ({ secretRef, as }: Credential): string => secretRef?.name ?? as

/** One accepted connection whose destination is known by name. Sniffed bytes are already back in `socket`. */
export interface ClientConnection {
  readonly id: string
  readonly socket: Socket
  readonly target: Target
  /** How the name was learnt: a synthetic address, an IP literal, CONNECT, or nothing but SNI/Host. */
  readonly nameFrom: 'address' | 'literal' | 'proxy'
  /** The client opened with the HTTP/2 preface in clear text (RFC 9113 §3.3). */
  readonly http2?: boolean
  /**
   * Other names that the agent may use for the target in its protocol: `db.prod.svc.cluster.local` where a rule says
   * `db.prod.svc`. What it does is judged by `target`.
   */
  readonly aliases?: readonly string[]
}
