import type { AgentSession } from '@chaperone/api'
import type { AdmissionOutcome, AdmissionRequest } from './review.ts'

/** CREATE of an AgentSession: the creator answers for the agent unless the object names somebody. */
export function stampOwner(request: AdmissionRequest): AdmissionOutcome {
  const session = request.object as unknown as AgentSession
  if (session.spec.agent.owner !== undefined) return { kind: 'allow' }
  return {
    kind: 'mutate',
    object: {
      ...session,
      spec: { ...session.spec, agent: { ...session.spec.agent, owner: request.userInfo.username } },
    },
  }
}
