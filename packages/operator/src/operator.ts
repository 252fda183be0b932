import { randomInt } from 'node:crypto'
import { errorText, type Clock, type Random } from '@chaperone/core'
import {
  createEventRecorder,
  createKubeClient,
  createLeaseElector,
  createReflector,
  reviewToken,
  type KubeClient,
} from '@chaperone/kube'
import type { Logger } from 'pino'
import { createAdmissionRoutes } from './admission/routes.ts'
import { sessionPolicy } from './binding/session-policy.ts'
import {
  isPublished,
  certificatesOf,
  keepCertificates,
  loadCertificates,
  secretName,
} from './certs/certificate-keeper.ts'
import type { Certificates } from './certs/desired.ts'
import { createClusterView } from './cluster-view.ts'
import type { Config } from './config.ts'
import { createApprovals } from './control/approvals.ts'
import { identifyCaller } from './control/caller.ts'
import { createHeartbeats, flushIntervalMs } from './control/heartbeats.ts'
import { approvalState, createHub } from './control/hub.ts'
import { createKubeApprovalStore } from './control/kube-approval-store.ts'
import { pushChanges } from './control/push.ts'
import { createControlRoutes } from './control/routes.ts'
import { withTokenCache } from './control/token-cache.ts'
import { runControllers } from './controllers/run-controllers.ts'
import { createHealthServer } from './http/health-server.ts'
import { readBody } from './http/read-body.ts'
import { createSecureServer } from './http/secure-server.ts'
import { createMetrics } from './metrics.ts'
import { agentSessions, namespaces, pods, secrets } from './resources.ts'

export interface OperatorPorts {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Endpoints take this long to forget a pod that stops; until then calls still come. */
const drainDelayMs = 5000
/** Then calls under way are answered; event streams, which never end, are cut after it and taken up by other replicas. */
const drainGraceMs = 2000
const leaseName = 'chaperone-operator'

/** The whole operator: webhooks and control API on every replica, controllers and certificates on the leader. Resolves after the signal aborts and all is drained. */
export async function runOperator({ config, clock, random, log }: OperatorPorts, signal: AbortSignal): Promise<void> {
  const client = createKubeClient(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig }, { clock })
  const view = createClusterView({ client, clock, random, log })
  const metrics = createMetrics()
  const stopped = new AbortController()
  const running: Promise<unknown>[] = [view.run(stopped.signal)]

  const host = `${config.service}.${config.namespace}.svc`
  const keeper = { client, clock, random, log, namespace: config.namespace, names: [host, `${host}.cluster.local`] }
  let certificates: Certificates = await untilItWorks(() => loadCertificates(keeper), { clock, log }, signal)
  const hub = createHub()
  pushChanges(view, hub)

  const admission = createAdmissionRoutes({
    clock,
    log,
    synced: view.index.synced,
    sessions: (namespace) => view.index.sessions(namespace),
    namespaceLabels: async (name) => (await client.get(namespaces, { name })).metadata.labels ?? {},
    effectivePolicy: (session) => sessionPolicy(view.index, session),
    settings: () => ({
      sidecarImage: config.sidecar.image,
      imagePullPolicy: config.sidecar.pullPolicy,
      controlUrl: `https://${host}:${config.controlServicePort}`,
      controlCa: certificates.caBundle,
      collectorUrl: config.collectorUrl,
      logLevel: config.sidecar.logLevel,
      resources: config.sidecar.resources,
      auditMaxBytes: config.sidecar.auditMaxBytes,
    }),
    drawUid: () => randomInt(100_000, 2 ** 31 - 1),
  })
  const webhook = createSecureServer(certificates, (request, response) => {
    const startedMs = clock.elapsedMs()
    readBody(request)
      .then((body) => admission(request.url?.split('?')[0] ?? '', body))
      .then(
        ({ status, body }) => {
          metrics.admission(request.url?.split('?')[0] ?? '', status, (clock.elapsedMs() - startedMs) / 1000)
          response.writeHead(status, { 'content-type': 'application/json' }).end(body)
        },
        (error: unknown) => response.writeHead(413).end(errorText(error)),
      )
  })

  const heartbeats = createHeartbeats(
    (namespace, name, statuses) =>
      applyPods(client, { namespace, name, manager: `chaperone-control-${config.podName}`, statuses }),
    clock,
    log,
  )
  view.pods.addHandler({ deleted: (pod) => heartbeats.forget(String(pod.metadata['uid'])) })
  const openApprovals = (podUid: string) =>
    view.approvals.store
      .list()
      .filter((request) => request.spec.podRef.uid === podUid)
      .map(approvalState)
  const control = createSecureServer(certificates, (request, response) => {
    void routes(request, response)
  })
  const routes = createControlRoutes({
    hub,
    heartbeats,
    log,
    openApprovals,
    trust: () => certificates.caBundle,
    approvals: createApprovals(
      createKubeApprovalStore(client, clock),
      (podUid) => openApprovals(podUid).filter((state) => state.outcome === 'Pending').length,
      clock,
    ),
    identify: (authorization) => identifyCaller(callerPorts, authorization),
    session: (caller) => {
      const session = view.index.session(caller.pod.namespace, caller.session.name)
      return session?.metadata.uid === caller.session.uid ? session : undefined
    },
    policy: (session) => sessionPolicy(view.index, session),
  })
  const callerPorts = {
    tokenReview: withTokenCache((token, audiences) => reviewToken(client, token, audiences), clock),
    pod: async (namespace: string, name: string) =>
      view.pods.store.get(`${namespace}/${name}`) ??
      (await client.get(pods, { namespace, name }).catch(() => undefined)),
  }

  const secret = createReflector({
    client,
    clock,
    random,
    resource: secrets,
    namespace: config.namespace,
    fieldSelector: `metadata.name=${secretName}`,
    observer: { failed: (error) => log.warn({ resource: 'secrets', error: errorText(error) }, 'watch failed') },
  })
  const reload = (object: Parameters<typeof certificatesOf>[0]) => {
    const next = certificatesOf(object)
    if (next === undefined) return
    certificates = next
    webhook.reload(next)
    control.reload(next)
    hub.toAll({ type: 'trust', caBundle: next.caBundle })
  }
  secret.addHandler({ added: reload, updated: reload })
  running.push(secret.run(stopped.signal))

  metrics.listeners(() => hub.size)
  let draining = false
  let published = false
  const health = createHealthServer({
    registry: metrics.registry,
    isLive: () => true,
    isReady: async () => {
      if (draining || !view.index.synced()) return false
      published ||= await isPublished(client, certificates.caBundle)
      return published
    },
  })
  await Promise.all([
    webhook.listen(config.webhookPort),
    control.listen(config.controlPort),
    new Promise<void>((resolve) => health.listen(config.healthPort, resolve)),
  ])
  log.info({ webhookPort: config.webhookPort, controlPort: config.controlPort }, 'serving')

  const flushing = every(flushIntervalMs, () => heartbeats.flush(), clock, stopped.signal)
  const events = createEventRecorder({
    client,
    clock,
    random,
    controller: 'chaperone.dev/operator',
    instance: config.podName,
  })
  running.push(flushing, events.run(stopped.signal))
  const elector = createLeaseElector({
    client,
    clock,
    random,
    namespace: config.namespace,
    name: leaseName,
    identity: `${config.podName}_${Buffer.from(random.bytes(4)).toString('hex')}`,
    observer: {
      leading: metrics.leading,
      failed: (error) => log.warn({ error: errorText(error) }, 'lease not renewed'),
    },
    async onStartedLeading(leading) {
      log.info('leading')
      await view.sessions.synced(leading)
      await Promise.all([
        keepCertificates(keeper, leading),
        runControllers({ client, clock, log, events, metrics, view }, leading),
      ])
    },
  })
  const outcome = await elector.run(signal)
  if (outcome === 'lost') log.error('lease lost: leaving, so that two never lead')
  else await whenAborted(signal)

  draining = true
  webhook.retire()
  control.retire()
  if (outcome !== 'lost') await clock.sleep(drainDelayMs)
  await heartbeats.flush()
  await Promise.all([webhook.drain(drainGraceMs), control.drain(drainGraceMs)])
  stopped.abort()
  health.close()
  health.closeAllConnections()
  await Promise.allSettled(running)
  client.close()
}

async function applyPods(
  client: KubeClient,
  target: { namespace: string; name: string; manager: string; statuses: readonly object[] },
): Promise<void> {
  const body = {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { namespace: target.namespace, name: target.name },
    status: { pods: target.statuses },
  }
  await client.patch(
    agentSessions,
    { namespace: target.namespace, name: target.name },
    { type: 'apply', fieldManager: target.manager, force: true, body: body as never },
    { subresource: 'status' },
  )
}

async function untilItWorks<T>(
  attempt: () => Promise<T>,
  { clock, log }: { clock: Clock; log: Logger },
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      signal.throwIfAborted()
      log.warn({ error: errorText(error) }, 'cannot start yet; trying again')
      await clock.sleep(2000, signal)
    }
  }
}

async function every(ms: number, work: () => Promise<void>, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await work()
    await clock.sleep(ms, signal).catch(() => undefined)
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
