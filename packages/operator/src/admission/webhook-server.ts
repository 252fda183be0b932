import { randomInt } from 'node:crypto'
import { errorText } from '@chaperone/core'
import { listAll } from '@chaperone/kube'
import { sessionPolicy } from '../binding/session-policy.ts'
import { readBody } from '../http/read-body.ts'
import { createSecureServer, type SecureServer } from '../http/secure-server.ts'
import type { InstallationSettings } from '../inject/settings.ts'
import { serviceHost, type Parts } from '../parts.ts'
import { agentSessions } from '../resources.ts'
import { createNamespaceLabels } from './namespace-labels.ts'
import { createAdmissionRoutes } from './routes.ts'

/** The HTTPS server that the API server asks about pods, sessions and decisions. */
export function createWebhookServer(parts: Parts): SecureServer {
  const { client, clock, log, view, metrics, certificates } = parts
  const admission = createAdmissionRoutes({
    clock,
    log,
    synced: view.index.synced,
    sessions: (namespace) => view.index.sessions(namespace),
    freshSessions: async (namespace) => (await listAll(client, agentSessions, { namespace })).items,
    namespaceLabels: createNamespaceLabels(client),
    effectivePolicy: (session) => sessionPolicy(view.index, session),
    settings: () => injectSettings(parts),
    drawUid: () => randomInt(100_000, 2 ** 31 - 1),
  })
  const server = createSecureServer({ certificates: certificates.current(), clock }, (request, response) => {
    const startedMs = clock.elapsedMs()
    const path = request.url?.split('?')[0] ?? ''
    readBody(request)
      .then((body) => admission(path, body))
      .then(
        ({ status, body }) => {
          // Whoever finds the port can make paths up; a label for each would grow without end.
          if (status === 200) metrics.admission(path, status, (clock.elapsedMs() - startedMs) / 1000)
          response.writeHead(status, { 'content-type': 'application/json' }).end(body)
        },
        (error: unknown) => response.writeHead(413, { connection: 'close' }).end(`${errorText(error)}\n`),
      )
  })
  certificates.onChange((next) => server.reload(next))
  return server
}

function injectSettings({ config, certificates }: Parts): InstallationSettings {
  const { sidecar, collectorUrl, controlServicePort } = config
  return {
    sidecarImage: sidecar.image,
    imagePullPolicy: sidecar.pullPolicy,
    controlUrl: `https://${serviceHost(config)}:${controlServicePort}`,
    controlCa: certificates.current().caBundle,
    collectorUrl,
    logLevel: sidecar.logLevel,
    resources: sidecar.resources,
    auditMaxBytes: sidecar.auditMaxBytes,
    verifyPeriodSeconds: sidecar.verifyPeriodSeconds,
  }
}
