import type { EffectivePolicy } from '@chaperone/api'
import type { Protocol, Target } from '@chaperone/core'
import type { DestinationStanding } from '../compiled-policy.ts'
import { canonicalHost } from '../destination/canonical-host.ts'
import type { Verdict } from '../verdict.ts'
import type { CompiledTiers } from './compiled-list.ts'
import type { CompiledRule } from './compiled-rule.ts'
import { effectsOf } from './effects.ts'
import { deniedBy, noRuleMatched } from './judge.ts'

const protocols: readonly Protocol[] = ['HTTP', 'Postgres']

/** How a destination stands before anything is known of the action. `port` undefined: any port. */
export function standingOf(
  policy: EffectivePolicy,
  tiers: CompiledTiers,
  host: string,
  port: number | undefined,
): DestinationStanding {
  const name = canonicalHost(host)
  if (name === undefined) return { kind: 'refused' }
  const open = protocols.filter((protocol) => blanketDeny(tiers, name, port, protocol) === undefined)
  const named = open.filter((protocol) => opening(tiers, name, port, protocol).length > 0)
  if (named.length > 0) return { kind: 'named', protocols: named }
  return { kind: policy.default === 'Deny' || open.length === 0 ? 'refused' : 'default' }
}

/**
 * An empty query does nothing; drivers send it to probe a connection. It passes where a connection may be opened, with what
 * that takes: the credential of the first rule that has one, and the ranges of every rule that could let something pass.
 */
export function judgeEmptyQuery(policy: EffectivePolicy, tiers: CompiledTiers, target: Target): Verdict {
  const { host, port } = target
  const denying = blanketDeny(tiers, host, port, 'Postgres')
  if (denying !== undefined) return deniedBy(denying)
  const rules = opening(tiers, host, port, 'Postgres').map((compiled) => compiled.rule)
  if (rules.length === 0 && policy.default === 'Deny') return noRuleMatched(policy, target)
  const credential = rules.find((rule) => rule.credential !== undefined)?.credential
  const cidrs = [...new Set(rules.flatMap((rule) => rule.to.cidrs ?? []))]
  return {
    kind: 'allow',
    rule: { source: `AgentSession/${policy.session.name}`, name: 'empty' },
    effects: {
      ...effectsOf(policy),
      ...(credential === undefined ? {} : { credential }),
      ...(cidrs.length === 0 ? {} : { cidrs }),
    },
  }
}

/** Rules that may let something pass; the session tier first, whose credentials are its own. */
function opening(
  tiers: CompiledTiers,
  host: string,
  port: number | undefined,
  protocol: Protocol,
): readonly CompiledRule[] {
  return tiers
    .toReversed()
    .flat()
    .flatMap((list) => list.at(host).all.filter((rule) => rule.rule.action !== 'Deny' && isAt(rule, port, protocol)))
}

/** A Deny of everything at the destination that no rule of its list precedes but another Deny. */
function blanketDeny(
  tiers: CompiledTiers,
  host: string,
  port: number | undefined,
  protocol: Protocol,
): CompiledRule | undefined {
  // Of no particular port only a Deny of all ports says anything.
  const isBlanket = ({ rule, ports }: CompiledRule): boolean =>
    rule.match === undefined && (port !== undefined || ports === undefined)
  for (const list of tiers.flat()) {
    const rules = list.at(host).all.filter((rule) => isAt(rule, port, protocol))
    const first = rules.find((rule) => rule.rule.action !== 'Deny' || isBlanket(rule))
    if (first?.rule.action === 'Deny') return first
  }
  return undefined
}

function isAt({ rule, ports }: CompiledRule, port: number | undefined, protocol: Protocol): boolean {
  return rule.to.protocol === protocol && (port === undefined || ports?.includes(port) !== false)
}
