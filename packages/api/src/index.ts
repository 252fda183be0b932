export { annotations, containerNames, interceptions, labels, parseInterception, type Interception } from './labels.ts'
export { apiVersion, group, version, type Kind, type ObjectMeta, type Resource } from './kinds/kind.ts'
export {
  agentSession,
  type AgentSession,
  type AgentSessionSpec,
  type AgentSessionStatus,
  type PodStatus,
} from './kinds/agent-session.ts'
export {
  clusterEgressPolicy,
  egressPolicy,
  type ClusterEgressPolicy,
  type EgressPolicy,
  type EgressPolicySpec,
} from './kinds/egress-policy.ts'
export {
  approvalRequest,
  type ApprovalDecision,
  type ApprovalRequest,
  type ApprovalRequestSpec,
  type ApprovalRequestStatus,
} from './kinds/approval-request.ts'
export { kinds } from './kinds/index.ts'
export type { Condition } from './shapes/condition.ts'
export { approvalDefaults, type Credential, type EgressRule } from './shapes/rule.ts'
export { detectorNames, type DetectorName, type MaskingProfile } from './shapes/masking.ts'
export { parseByteQuantity, parseDurationMs } from './shapes/scalars.ts'
export { parseResource, type Parsed, type Problem } from './crd/parse-resource.ts'
export { toCrd } from './crd/to-crd.ts'
export type { EffectivePolicy, RuleList } from './effective-policy.ts'
export {
  controlAudience,
  controlPaths,
  controlPingIntervalMs,
  containmentReasons,
  maxRefusedCertificates,
  serviceAccountFolder,
  type ApprovalAsk,
  type ApprovalOutcome,
  type ApprovalState,
  type Contained,
  type ContainmentReason,
  type ControlEvent,
  type Heartbeat,
  type RefusedCertificate,
} from './control.ts'
export { javaProxyOptions, proxyVariables } from './proxy-variables.ts'
export { javaToolOptions, trustVariables } from './trust-variables.ts'
