import { readFileSync } from 'node:fs'
import {
  agentSession,
  clusterEgressPolicy,
  egressPolicy,
  parseResource,
  type AgentSession,
  type ClusterEgressPolicy,
  type EffectivePolicy,
  type EgressPolicy,
  type Kind,
} from '@chaperone/api'
import { resolvePolicy } from '@chaperone/policy'
import { parseAllDocuments } from 'yaml'
import { UsageError } from '../errors.ts'

/** What `-f` gives: one AgentSession and the policies beside it. */
export interface SessionFile {
  readonly session: AgentSession
  readonly policy: EffectivePolicy
}

const kinds: Readonly<Record<string, Kind>> = {
  AgentSession: agentSession,
  EgressPolicy: egressPolicy,
  ClusterEgressPolicy: clusterEgressPolicy,
}

/** Reads and validates a file as the API server would; every problem at once, each with file, document and field. */
export function readSessionFile(file: string, identity: { uid: string; owner: string; nowMs: number }): SessionFile {
  const resources = readDocuments(file).map(({ value, at }) => parseDocument(value, `${file}${at}`))
  const problems = resources.flatMap((parsed) => ('problems' in parsed ? parsed.problems : []))
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  const of = (kind: string) =>
    resources.flatMap((parsed) =>
      'resource' in parsed && parsed.resource.kind === kind ? [parsed.resource as unknown] : [],
    )
  const sessions = of('AgentSession') as AgentSession[]
  const [given] = sessions
  if (given === undefined || sessions.length > 1)
    throw new UsageError(`${file}: expected exactly one AgentSession, found ${sessions.length}`)
  const session: AgentSession = {
    ...given,
    metadata: {
      ...given.metadata,
      namespace: given.metadata.namespace ?? 'local',
      uid: identity.uid,
      creationTimestamp: new Date(identity.nowMs).toISOString(),
    },
    spec: { ...given.spec, agent: { ...given.spec.agent, owner: given.spec.agent.owner ?? identity.owner } },
  }
  const policy = resolvePolicy({
    session,
    policies: of('EgressPolicy') as EgressPolicy[],
    clusterPolicies: of('ClusterEgressPolicy') as ClusterEgressPolicy[],
  })
  if (policy.unresolved.length > 0)
    throw new UsageError(policy.unresolved.map((problem) => `${file}: ${problem}`).join('\n'))
  return { session, policy }
}

function readDocuments(file: string): { value: unknown; at: string }[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new UsageError(`${file}: cannot be read`)
  }
  const documents = parseAllDocuments(text)
  return [...documents].flatMap((document, index) => {
    const [error] = document.errors
    if (error !== undefined) throw new UsageError(`${file}: ${error.message}`)
    const value: unknown = document.toJS()
    return value === null ? [] : [{ value, at: documents.length > 1 ? `[${index}]` : '' }]
  })
}

function parseDocument(value: unknown, where: string): { resource: { kind: string } } | { problems: string[] } {
  const name = (value as { kind?: unknown }).kind
  const kind = typeof name === 'string' ? kinds[name] : undefined
  if (kind === undefined)
    return {
      problems: [
        `${where}: kind: expected AgentSession, EgressPolicy or ClusterEgressPolicy; given ${JSON.stringify(name)}`,
      ],
    }
  const parsed = parseResource<{ kind: string }>(kind, value)
  return parsed.ok
    ? { resource: parsed.resource }
    : { problems: parsed.problems.map((problem) => `${where}: ${problem.field}: ${problem.message}`) }
}
