import { createEventRecorder, createKubeClient } from '@chaperone/kube'
import { createWebhookServer } from './admission/webhook-server.ts'
import { createLiveCertificates } from './certs/live-certificates.ts'
import { createClusterView } from './cluster-view.ts'
import { createControlServer } from './control/control-server.ts'
import { createHealthServer } from './http/health-server.ts'
import { createLeadership } from './leadership.ts'
import { createMetrics } from './metrics.ts'
import type { OperatorPorts } from './parts.ts'

/** Endpoints take this long to forget a pod that stops; until then calls still come. */
const drainDelayMs = 5000

/** The whole operator: webhooks and control API on every replica, controllers and certificates on the leader. Resolves after the signal aborts and all is drained. */
export async function runOperator(ports: OperatorPorts, signal: AbortSignal): Promise<void> {
  const { config, clock, log } = ports
  const client = createKubeClient(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig }, { clock })
  const view = createClusterView({ ...ports, client })
  const metrics = createMetrics()
  const certificates = await createLiveCertificates({ ...ports, client }, signal)
  const events = createEventRecorder({
    ...ports,
    client,
    controller: 'chaperone.dev/operator',
    instance: config.podName,
  })
  const parts = { ...ports, client, view, metrics, certificates, events }
  const webhook = createWebhookServer(parts)
  const control = createControlServer(parts)

  let draining = false
  let published = false
  const health = createHealthServer({
    registry: metrics.registry,
    isLive: () => true,
    isReady: async () => {
      if (draining || !view.index.synced()) return false
      published ||= await certificates.isPublished()
      return published
    },
  })

  const stopped = new AbortController()
  const { signal: end } = stopped
  const running = [view.run(end), certificates.follow(end), control.report(end), events.run(end)]
  await Promise.all([
    webhook.listen(config.webhookPort),
    control.listen(config.controlPort),
    health.listen(config.healthPort),
  ])
  log.info({ webhookPort: config.webhookPort, controlPort: config.controlPort }, 'serving')

  const outcome = await createLeadership(parts).run(signal)
  if (outcome === 'lost') log.error('lease lost: leaving, so that two never lead')

  draining = true
  for (const server of [webhook, control]) server.retire()
  if (outcome !== 'lost') await clock.sleep(drainDelayMs)
  await Promise.all([webhook.drain(), control.drain()])
  stopped.abort()
  await Promise.allSettled([...running, health.close()])
  client.close()
}
