import type { RefusedCertificate } from '@chaperone/api'
import type { EventRecorder } from '@chaperone/kube'
import type { Caller } from './caller.ts'

/** Tells people, by an event on the pod, that a TLS client in it does not trust the sidecar. */
export interface CertificateEvents {
  /** What a heartbeat says; what it said before is not told again. */
  report(caller: Caller, refused: readonly RefusedCertificate[]): void
  forget(podUid: string): void
}

export function createCertificateEvents(events: Pick<EventRecorder, 'record'>): CertificateEvents {
  /** By pod, how many refusals of a destination were told. */
  const told = new Map<string, ReadonlyMap<string, number>>()
  return {
    report({ pod, session }, refused) {
      const before = told.get(pod.uid)
      for (const each of refused) {
        if (each.count <= (before?.get(keyOf(each)) ?? 0)) continue
        events.record({
          regarding: reference('v1', 'Pod', pod),
          related: reference('chaperone.dev/v1alpha1', 'AgentSession', { ...session, namespace: pod.namespace }),
          type: 'Warning',
          reason: 'CertificateRefused',
          action: 'TerminateTls',
          note: noteOf(each),
        })
      }
      if (refused.length > 0) told.set(pod.uid, new Map(refused.map((each) => [keyOf(each), each.count])))
    },
    forget: (podUid) => void told.delete(podUid),
  }
}

const keyOf = ({ host, port }: RefusedCertificate): string => `${host}:${port}`

function noteOf({ host, port, cause }: RefusedCertificate): string {
  return (
    `a TLS client of the agent refused the certificate of Chaperone for ${host}:${port} (${cause}): it probably brings roots of its own, ` +
    `or pins the server's. Make it trust /etc/chaperone/trust/ca.crt, or let the host pass unread with to.tls: Passthrough`
  )
}

function reference(
  apiVersion: string,
  kind: string,
  { namespace, name, uid }: { readonly namespace: string; readonly name: string; readonly uid: string },
) {
  return { apiVersion, kind, metadata: { namespace, name, uid } }
}
