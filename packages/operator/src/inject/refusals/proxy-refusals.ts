import { labels } from '@chaperone/api'
import type { Container } from '../pod.ts'
import { proxyConflicts } from '../proxy-env.ts'

/** Where clients are told of the sidecar by variables, a container may not tell them of something else: that is never overwritten in silence. */
export function proxyRefusals(container: Container, field: string): string[] {
  return proxyConflicts(container).map(
    (index) =>
      `${field}.env[${index}]: must not set a proxy: where ${labels.interception}=Proxy, clients are led to the sidecar`,
  )
}
