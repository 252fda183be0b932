import type { Shop } from '../harness/shop.ts'

/** The session of the README, for the shop of the test. */
export function sessionFor(shop: Shop, namespace: string, spec: object = {}) {
  const api = { hosts: [shop.apiHost], ports: [8443] }
  const database = { hosts: [shop.databaseHost], protocol: 'Postgres' }
  return {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin', namespace },
    spec: {
      agent: { name: 'devin', owner: 'ada' },
      selector: { matchLabels: { app: 'devin' } },
      egress: {
        caBundle: shop.caBundle,
        rules: [
          { name: 'orders-read', to: api, match: { http: { methods: ['GET'] } }, action: 'Allow', mask: ['pii'] },
          {
            name: 'refund',
            to: api,
            match: { http: { methods: ['POST'], paths: ['/refunds'] } },
            action: 'Approve',
            approval: { hold: '60s' },
            reason: 'refunds move money',
          },
          {
            name: 'refund-later',
            to: api,
            match: { http: { methods: ['POST'], paths: ['/later'] } },
            action: 'Approve',
            approval: { hold: '1s' },
          },
          {
            name: 'no-delete',
            to: api,
            match: { http: { methods: ['DELETE'] } },
            action: 'Deny',
            reason: 'orders are never deleted by agents',
          },
          {
            name: 'customers-read',
            to: database,
            match: { sql: { verbs: ['Select'] } },
            action: 'Allow',
            credential: { secretRef: { name: 'orders-db' }, as: 'PostgresPassword', username: 'agent' },
            mask: ['pii'],
          },
        ],
      },
      masking: {
        profiles: [{ name: 'pii', detect: ['EmailAddress', 'CreditCard', 'PhoneNumber'], columns: ['customers.name'] }],
      },
      audit: { level: 'RequestResponse' },
      ...spec,
    },
  }
}

export function agentPod(namespace: string, name: string, extra: object = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: 'devin' } },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [
        {
          name: 'agent',
          image: `${process.env['E2E_REGISTRY'] ?? 'localhost'}/chaperone-e2e-agent:${process.env['E2E_TAG'] ?? 'dev'}`,
          imagePullPolicy: 'IfNotPresent',
          command: ['sleep', '100000'],
        },
      ],
      ...extra,
    },
  }
}
