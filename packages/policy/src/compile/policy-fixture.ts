import type { EffectivePolicy, EgressRule } from '@chaperone/api'
import type { Action, SqlStatement } from '@chaperone/core'

/** For tests: a rule for HTTP at api.example unless `extra` says otherwise. */
export function ruleFixture(
  name: string,
  action: EgressRule['action'],
  extra: Omit<Partial<EgressRule>, 'to'> & { to?: Partial<EgressRule['to']> } = {},
): EgressRule {
  return { name, action, ...extra, to: { hosts: ['api.example'], protocol: 'HTTP', tls: 'Terminate', ...extra.to } }
}

/** For tests: the lists of the cluster tier, then those of the session tier. */
export function policyFixture(
  tiers: readonly (readonly (readonly EgressRule[])[])[],
  extra: Partial<EffectivePolicy> = {},
): EffectivePolicy {
  return {
    session: { namespace: 'agents', name: 'devin', uid: 'u', agent: 'devin', owner: 'ada' },
    hash: 'h',
    suspended: false,
    unresolved: [],
    tiers: tiers.map((lists, tier) =>
      lists.map((rules, index) => ({
        source: `${tier === 0 ? 'ClusterEgressPolicy' : 'EgressPolicy'}/${index}`,
        rules,
      })),
    ),
    default: 'Deny',
    caBundle: '',
    maskingProfiles: [],
    audit: { level: 'Metadata', maxBodyBytes: '64Ki', onUnavailable: 'Block' },
    ...extra,
  }
}

export function requestFixture(path: string, method = 'GET', headers: Record<string, string> = {}): Action {
  return {
    protocol: 'HTTP',
    target: { host: 'api.example', port: 443 },
    http: { method, scheme: 'https', path, query: '', headers },
  }
}

export function queryFixture(...statements: Partial<SqlStatement>[]): Action {
  return {
    protocol: 'Postgres',
    target: { host: 'db.prod.svc', port: 5432 },
    sql: {
      system: 'postgresql',
      database: 'shop',
      user: 'agent',
      text: '',
      statements: statements.map((each) => ({ verbs: ['Select'], tables: [], functions: [], ...each })),
    },
  }
}
