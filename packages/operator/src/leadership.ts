import { errorText } from '@chaperone/core'
import { createLeaseElector, type LeaseElector } from '@chaperone/kube'
import { runControllers } from './controllers/run-controllers.ts'
import type { Parts } from './parts.ts'

const leaseName = 'chaperone-operator'

/** Of all replicas one leads: it alone writes status, rotates certificates and publishes them. */
export function createLeadership(parts: Parts): LeaseElector {
  const { config, client, clock, random, log, view, metrics, certificates } = parts
  return createLeaseElector({
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
      await Promise.all([certificates.keep(leading), runControllers(parts, leading)])
    },
  })
}
