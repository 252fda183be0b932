import type { ApprovalState } from '@chaperone/api'
import { isKubeError, reviewToken } from '@chaperone/kube'
import { sessionPolicy } from '../binding/session-policy.ts'
import { createSecureServer, type SecureServer } from '../http/secure-server.ts'
import type { Parts } from '../parts.ts'
import { pods } from '../resources.ts'
import { createApprovals } from './approvals.ts'
import { createCertificateEvents } from './certificate-events.ts'
import { identifyCaller, type CallerPorts } from './caller.ts'
import { createHeartbeats, flushIntervalMs } from './heartbeats.ts'
import { approvalState, createHub } from './hub.ts'
import { createKubeApprovalStore } from './kube-approval-store.ts'
import { createKubePodStatuses } from './kube-pod-statuses.ts'
import { pushChanges } from './push.ts'
import { createControlRoutes } from './routes.ts'
import { withTokenCache } from './token-cache.ts'

/** The HTTPS server that sidecars speak to, and what it passes on. */
export interface ControlServer extends Pick<SecureServer, 'listen' | 'retire'> {
  /** Writes into the cluster what sidecars report, until the signal aborts. */
  report(signal: AbortSignal): Promise<void>
  /** Writes what is left, sends every listener to another replica, and closes. */
  drain(): Promise<void>
}

export function createControlServer(parts: Parts): ControlServer {
  const { client, clock, log, view, metrics, certificates, events } = parts
  const hub = createHub()
  pushChanges(view, hub)
  metrics.listeners(() => hub.size)
  const heartbeats = createHeartbeats(createKubePodStatuses(parts), clock, log)
  const certificateEvents = createCertificateEvents(events)
  view.pods.addHandler({
    deleted(pod) {
      for (const each of [heartbeats, certificateEvents]) each.forget(String(pod.metadata['uid']))
    },
  })

  const openApprovals = (podUid: string): ApprovalState[] =>
    view.approvals.store
      .list()
      .filter((request) => request.spec.podRef.uid === podUid)
      .map(approvalState)
  const pending = (podUid: string): number =>
    openApprovals(podUid).filter((state) => state.outcome === 'Pending').length
  const callers = callerPorts(parts)
  const routes = createControlRoutes({
    hub,
    heartbeats,
    certificateEvents,
    log,
    openApprovals,
    trust: () => certificates.current().caBundle,
    approvals: createApprovals(createKubeApprovalStore(client, clock), pending, clock),
    identify: (authorization) => identifyCaller(callers, authorization),
    session: (caller) => view.index.session(caller.pod.namespace, caller.session.name),
    policy: (session) => sessionPolicy(view.index, session),
  })

  const server = createSecureServer({ certificates: certificates.current(), clock }, (request, response) => {
    void routes(request, response)
  })
  certificates.onChange((next) => {
    server.reload(next)
    hub.toAll({ type: 'trust', caBundle: next.caBundle })
  })
  return {
    listen: server.listen,
    retire: server.retire,
    async report(signal) {
      while (!signal.aborted) {
        await heartbeats.flush()
        await clock.sleep(flushIntervalMs, signal).catch(() => undefined)
      }
    },
    async drain() {
      await heartbeats.flush()
      hub.close()
      await server.drain()
    },
  }
}

function callerPorts({ client, clock, view }: Parts): CallerPorts {
  return {
    tokenReview: withTokenCache((token, audiences) => reviewToken(client, token, audiences), clock),
    // A sidecar that has just started may be ahead of our watch.
    pod: async (namespace, name) =>
      view.pods.store.get(`${namespace}/${name}`) ??
      (await client.get(pods, { namespace, name }).catch((error: unknown) => {
        if (isKubeError(error, 'ERR_KUBE_NOT_FOUND')) return undefined
        throw error
      })),
  }
}
