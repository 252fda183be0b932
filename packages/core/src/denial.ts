/**
 * Why an action did not pass. A closed set: audit records, metrics and agents match on it. `next` is one sentence that
 * a model can act on.
 */
export const denials = {
  RuleDenied: {
    title: 'Denied by policy',
    next: 'Do not retry. Choose another way, or ask the owner of this session to change the rule.',
  },
  NoRuleMatched: {
    title: 'No rule allows this',
    next: 'Do not retry. Ask the owner of this session to add a rule if this access is needed.',
  },
  Suspended: {
    title: 'Session suspended',
    next: 'Stop working: a person has paused this session. Retry only after being told to go on.',
  },
  SessionEnded: { title: 'Session ended', next: 'Stop working: this session has ended or expired.' },
  LimitExceeded: { title: 'Session limit reached', next: 'Stop, or ask the owner of this session to raise the limit.' },
  PolicyUnavailable: {
    title: 'No policy loaded',
    next: 'Wait a few seconds and retry once; if it persists, report it to the platform team.',
  },
  NotContained: {
    title: 'Pod not known to be contained',
    next: 'Stop working, and report this to the platform team: nothing passes until the self-test of this pod does.',
  },
  Unparseable: {
    title: 'Request could not be understood',
    next: 'Send a standard, complete request; what cannot be parsed cannot be judged.',
  },
  NameMismatch: { title: 'Names disagree', next: 'Use the same host name for DNS, TLS and the request.' },
  DestinationForbidden: {
    title: 'Destination address forbidden',
    next: 'Do not retry. Where this address is meant, ask for a rule that lists it, as the detail says.',
  },
  ApprovalPending: {
    title: 'Waiting for approval',
    next: 'Retry the identical request later; it passes once a person approves it. Do not change it.',
  },
  ApprovalDenied: { title: 'Denied by a reviewer', next: 'Do not retry. Read the reason and choose another way.' },
  ApprovalExpired: {
    title: 'Approval request expired',
    next: 'Nobody decided in time. Retry the request to ask again.',
  },
  ApprovalUnavailable: {
    title: 'Approvals are unavailable',
    next: 'Approval cannot be asked for now. Wait a minute and retry.',
  },
  BodyTooLarge: {
    title: 'Body too large to judge',
    next: 'Send a smaller body: this rule reads the whole body before it decides.',
  },
  MaskingFailed: {
    title: 'Masking failed',
    next: 'The answer could not be masked, so it was withheld. Ask for a simpler format, such as JSON without compression.',
  },
  AuditUnavailable: {
    title: 'Audit log unavailable',
    next: 'Wait a minute and retry: nothing passes that cannot be recorded.',
  },
  UpstreamUnreachable: { title: 'Upstream unreachable', next: 'The destination did not answer. Retry later.' },
  UpstreamUntrusted: {
    title: 'Upstream certificate refused',
    next: 'Report this to the platform team: the certificate of the destination could not be verified.',
  },
  CredentialUnavailable: {
    title: 'Credential unavailable',
    next: 'Report this to the platform team: the credential of this rule could not be read.',
  },
} as const satisfies Record<string, { title: string; next: string }>

export type DenialReason = keyof typeof denials
