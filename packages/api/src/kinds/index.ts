import { agentSession } from './agent-session.ts'
import { approvalRequest } from './approval-request.ts'
import { clusterEgressPolicy, egressPolicy } from './egress-policy.ts'
import type { Kind } from './kind.ts'

/** Every custom resource of the product. */
export const kinds: readonly Kind[] = [agentSession, egressPolicy, clusterEgressPolicy, approvalRequest]
