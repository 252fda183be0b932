import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { Heartbeat } from '@chaperone/api'

/** What is measured, read whenever somebody asks. */
export interface Measured {
  readonly bypassAttempts: () => Readonly<Record<string, number>>
  readonly counters: () => Heartbeat['counters']
  readonly audit: () => Heartbeat['audit']
  readonly connections: () => number
  readonly holds: () => number
  readonly dnsNames: () => number
  readonly isConnected: () => boolean
  readonly isContained: () => boolean
}

/** The delay of the event loop is sampled at this resolution; finer costs wake-ups in an idle pod. */
const loopResolutionMs = 100

/** Nothing in a metric names a destination: metrics are readable by anybody who reaches the port. */
export function createMetrics(measured: Measured): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopResolutionMs })
  const counter = (name: string, help: string, read: () => Readonly<Record<string, number>>, label = 'decision') =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        this.reset()
        for (const [kind, value] of Object.entries(read())) this.inc(kind === '' ? {} : { [label]: kind }, value)
      },
    })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  counter('chaperone_actions_total', 'Actions judged.', () => {
    const { requests, denied } = measured.counters()
    return { pass: requests - denied, deny: denied }
  })
  counter('chaperone_masked_values_total', 'Values masked.', () => ({ '': measured.counters().masked }))
  counter(
    'chaperone_bypass_attempts_total',
    'Attempts to get around the sidecar that were seen; all were stopped.',
    measured.bypassAttempts,
    'vector',
  )
  gauge('chaperone_connections_open', 'Connections of the agent.', measured.connections)
  gauge('chaperone_holds_open', 'Actions that wait for a person.', measured.holds)
  gauge('chaperone_dns_names', 'Names that have a synthetic address.', measured.dnsNames)
  gauge('chaperone_audit_backlog_records', 'Records that the collector has not confirmed.', () => {
    const { sequence, deliveredSequence } = measured.audit()
    return sequence - deliveredSequence
  })
  gauge('chaperone_director_connected', 'Whether events of the director arrive.', () => Number(measured.isConnected()))
  gauge('chaperone_contained', 'Whether the last self-test found no way out.', () => Number(measured.isContained()))
  return registry
}
