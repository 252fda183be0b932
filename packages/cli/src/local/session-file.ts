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
import { isMap, isNode, isScalar, LineCounter, parseAllDocuments, type Document } from 'yaml'
import { UsageError, whyUnreadable } from '../errors.ts'

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

/** Reads and validates a file as the API server would; every problem at once, each with file, line and field. */
export function readSessionFile(file: string, identity: { uid: string; owner: string; nowMs: number }): SessionFile {
  const resources = readDocuments(file).map(parseDocument)
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

interface ReadDocument {
  readonly value: unknown
  /** `session.yaml:12`, the line of a field such as `spec.egress.rules[0].action`, or of what should hold it. */
  readonly at: (field: string) => string
}

function readDocuments(file: string): ReadDocument[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`-f: ${file}: ${whyUnreadable(error)}`)
  }
  const lineCounter = new LineCounter()
  return [...parseAllDocuments(text, { lineCounter })].flatMap((document) => {
    const [error] = document.errors
    if (error !== undefined) {
      const [what = ''] = error.message.split(/ at line |\n/)
      throw new UsageError(`${file}:${lineCounter.linePos(error.pos[0]).line}: ${what}`)
    }
    const value: unknown = document.toJS()
    const at = (field: string): string => `${file}:${lineCounter.linePos(offsetOf(document, field)).line}`
    return value === null ? [] : [{ value, at }]
  })
}

/** Where a field stands in the text; of one that is missing, where the nearest thing around it stands. */
function offsetOf(document: Document, field: string): number {
  let path: (string | number)[] = (field.match(/[^.[\]]+/g) ?? []).map((part) =>
    /^\d+$/.test(part) ? Number(part) : part,
  )
  for (; path.length > 0; path = path.slice(0, -1)) {
    const name = path.at(-1)
    const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
    // A key is where people look, also when its value begins on a later line.
    const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === name) : undefined
    const node = pair?.key ?? document.getIn(path, true)
    if (isNode(node) && node.range != null) return node.range[0]
  }
  return isNode(document.contents) ? (document.contents.range?.[0] ?? 0) : 0
}

function parseDocument({ value, at }: ReadDocument): { resource: { kind: string } } | { problems: string[] } {
  const name = (value as { kind?: unknown }).kind
  const kind = typeof name === 'string' ? kinds[name] : undefined
  if (kind === undefined)
    return {
      problems: [
        `${at('kind')}: kind: expected AgentSession, EgressPolicy or ClusterEgressPolicy; given ${name === undefined ? 'nothing' : JSON.stringify(name)}`,
      ],
    }
  const parsed = parseResource<{ kind: string }>(kind, value)
  return parsed.ok
    ? { resource: parsed.resource }
    : { problems: parsed.problems.map((problem) => `${at(problem.field)}: ${problem.field}: ${problem.message}`) }
}
