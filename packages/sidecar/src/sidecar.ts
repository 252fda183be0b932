import type { Heartbeat } from '@chaperone/api'
import { errorText } from '@chaperone/core'
import type { Config } from './config.ts'
import { createControl, type Control } from './control/create-control.ts'
import { createDirectives } from './control/directives.ts'
import { createDirectorHttp } from './control/director-http.ts'
import { createDrivers, type Drivers } from './drivers.ts'
import { createCredentialStore } from './engine/credential-store.ts'
import { createEngine } from './engine/create-engine.ts'
import { createPolicyHolder } from './engine/policy-holder.ts'
import { startHealthServer, type HealthServer } from './health/health-server.ts'
import { createMetrics } from './health/metrics.ts'
import type { ParentChannel } from './listen/inherit-listeners.ts'
import { createClusterNames } from './names/cluster-names.ts'
import { shutDown } from './shutdown.ts'
import { openState, type Machine, type PodState } from './start/open-state.ts'
import { serveAgent, type AgentSide } from './start/serve-agent.ts'
import { createRefusedCertificates } from './tls/refused-certificates.ts'
import { createAddressRules } from './upstream/address-class.ts'
import { createApiServerAddresses } from './upstream/api-server-addresses.ts'
import { createUpstreamDialer } from './upstream/create-upstream-dialer.ts'
import { ownAddresses } from './upstream/own-addresses.ts'
import { lookupWith } from './upstream/resolver.ts'
import type { Containment } from './verify/containment.ts'

/** The running data path of one pod. */
export interface Sidecar {
  readonly health: HealthServer | undefined
  /** Stops accepting, lets exchanges finish, delivers the audit log. Idempotent. */
  stop(): Promise<void>
}

type Built = ReturnType<typeof createEngine> & { readonly policy: ReturnType<typeof createPolicyHolder> }

/** Builds everything, from the disk to the director, and lets the agent in last. */
export async function startSidecar(config: Config, machine: Machine, channel: ParentChannel): Promise<Sidecar> {
  const state = await openState(config, machine)
  const http = createDirectorHttp(state.trust.address, {
    tokenFile: config.tokenFile,
    lookup: lookupWith(state.resolver),
  })
  const control = createControl({ http, ...machine })
  const built = buildEngine(config, machine, state, control)
  const drivers = createDrivers(built.engine, state.tls)
  const agent = await serveAgent(config, built.engine, drivers, { state, channel })
  const health = await serveHealth(config, built, { state, agent, control })
  direct(control, built, { state, machine, channel, useTrust: http.trust })
  watchContainment(state.containment, built, control)
  let stopping: Promise<void> | undefined
  return {
    health,
    stop() {
      stopping ??= shutDown({ config, machine, agent, drivers: driversOf(drivers), control, health, state, ...built })
      return stopping
    },
  }
}

function buildEngine(config: Config, machine: Machine, state: PodState, director: Control): Built {
  const policy = createPolicyHolder({ ...machine, containment: state.containment })
  const { resolver } = state
  const names = createClusterNames(state.resolvConf.search)
  const upstream = createUpstreamDialer({
    resolver,
    names,
    apiServer: createApiServerAddresses(resolver, names.apiServer, config.apiServerIps),
    rules: createAddressRules(
      [...config.hostIps, ...state.gateways],
      ownAddresses(() => machine.clock.elapsedMs()),
    ),
    caBundle: (servername) => `${policy.current?.source.caBundle ?? ''}${state.clusterAuthority(servername)}`,
  })
  const credentials = createCredentialStore(config.credentialsDir)
  const refusedCertificates = createRefusedCertificates(() => director.nudge())
  const { trail, maskKey } = state
  return {
    policy,
    ...createEngine({ ...machine, policy, trail, director, upstream, credentials, refusedCertificates, maskKey }),
  }
}

/** Listens to the director from now on. */
function direct(
  control: Control,
  { policy, engine, gate, counters }: Built,
  ports: {
    readonly state: PodState
    readonly machine: Machine
    readonly channel: ParentChannel
    readonly useTrust: (caBundle: string) => void
  },
): void {
  const { state, machine, channel } = ports
  const heartbeat = (): Heartbeat => ({
    ...(policy.current === undefined ? {} : { policyHash: policy.current.source.hash }),
    contained: state.containment.current,
    counters: counters.snapshot,
    audit: state.trail.status,
    ...(engine.refusedCertificates.current.length === 0
      ? {}
      : { refusedCertificates: engine.refusedCertificates.current }),
  })
  let isAnnounced = false
  const onApplied = (): void => {
    control.nudge()
    if (!isAnnounced) channel.send?.({ type: 'serving' })
    isAnnounced = true
  }
  const trust = async (caBundle: string): Promise<void> => {
    ports.useTrust(caBundle)
    await state.trust.keep(caBundle)
  }
  const { trail } = state
  const onEvent = createDirectives({
    policy,
    trail,
    recorder: engine.recorder,
    gate,
    trust,
    onApplied,
    log: machine.log,
  })
  control.start({ onEvent, onConnected: () => gate.refresh(), heartbeat })
}

/** What is open is judged again, the director hears of it soon, and it is on record. */
function watchContainment(containment: Containment, { policy, engine }: Built, control: Control): void {
  containment.onChange(({ reason, message, checkedAt }) => {
    policy.reconsider()
    control.nudge()
    engine.recorder
      .append('containment.changed', {
        'chaperone.containment.reason': reason,
        'chaperone.containment.checked_at': checkedAt,
        'chaperone.message': message,
      })
      .catch((error: unknown) =>
        engine.log.warn({ error: errorText(error) }, 'a change of containment was not recorded'),
      )
  })
}

async function serveHealth(
  { health }: Config,
  { policy, gate, counters }: Built,
  parts: { readonly state: PodState; readonly agent: AgentSide; readonly control: Control },
): Promise<HealthServer | undefined> {
  if (health === undefined) return undefined
  const { state, agent, control } = parts
  const metrics = createMetrics({
    bypassAttempts: () => agent.bypass.counts,
    counters: () => counters.snapshot,
    audit: () => state.trail.status,
    connections: () => agent.connections.open,
    holds: () => gate.open,
    dnsNames: () => agent.pool.size,
    isConnected: () => control.isConnected,
    isContained: () => state.containment.current.ok,
  })
  const unready = (): string[] => (policy.isDirected ? [] : ['no policy has been received yet'])
  return startHealthServer(health, { metrics, unready })
}

function driversOf(drivers: Drivers) {
  return Object.values(drivers)
}
