export { CodedError, PeerProtocolError, errorText } from './errors.ts'
export type { Clock, Random } from './ports.ts'
export { systemClock, systemRandom } from './system-ports.ts'
export { canonicalJson, sha256Hex, type Json } from './canonical-json.ts'
export { ruleId, type PodRef, type RuleRef, type SessionRef } from './identity.ts'
export {
  actionSummary,
  sqlVerbs,
  type Action,
  type HttpFacet,
  type Protocol,
  type SqlFacet,
  type SqlStatement,
  type SqlVerb,
  type Target,
} from './action.ts'
export { actionDigest } from './action-digest.ts'
export { denials, type DenialReason } from './denial.ts'
export { metadataAddresses } from './metadata-addresses.ts'
