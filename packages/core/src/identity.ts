/** An AgentSession, by name and by the uid of one incarnation. */
export interface SessionRef {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** The pod a sidecar runs in; on a laptop, the run. Taken from a TokenReview, never from the sender. */
export interface PodRef {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** Where a rule stands: which list holds it, and its name in that list. */
export interface RuleRef {
  /** `AgentSession/devin-billing`, `EgressPolicy/github-read`, `ClusterEgressPolicy/base`. */
  readonly source: string
  readonly name: string
}

/** `EgressPolicy/github-read#push-main`, as shown to agents, reviewers and auditors. */
export function ruleId(rule: RuleRef): string {
  return `${rule.source}#${rule.name}`
}
