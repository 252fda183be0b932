import type { DenialReason, RuleRef } from '@chaperone/core'
import type { AgentSessionSpec, Credential } from '@chaperone/api'

/** What a rule adds to an action that may pass. */
export interface Effects {
  /** Names of masking profiles, without repeats. */
  readonly mask: readonly string[]
  readonly credential?: Credential
  readonly auditLevel: AgentSessionSpec['audit']['level']
  /** Address ranges that the rule names; the resolved address must lie in one of them. */
  readonly cidrs?: readonly string[]
}

/** Terms on which a person is asked. */
export interface ApprovalTerms {
  readonly holdMs: number
  readonly expiresMs: number
  readonly grant: 'Once' | 'Session'
  /** The rule's own sentence for the reviewer. */
  readonly reason?: string
}

/** The outcome of judging one action: a value, never an error. */
export type Verdict =
  | { readonly kind: 'allow'; readonly rule: RuleRef; readonly effects: Effects }
  | { readonly kind: 'approve'; readonly rule: RuleRef; readonly effects: Effects; readonly terms: ApprovalTerms }
  /** `message` is the rule's reason or a sentence of ours; safe to show to the agent. */
  | { readonly kind: 'deny'; readonly reason: DenialReason; readonly rule?: RuleRef; readonly message: string }
