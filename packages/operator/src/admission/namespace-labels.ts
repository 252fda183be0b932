import type { KubeClient } from '@chaperone/kube'
import { namespaces } from '../resources.ts'

type Labels = Readonly<Record<string, string>>

/** Well within the five seconds that the API server waits for a webhook. */
const timeoutMs = 1500
const maxKnown = 10_000

/**
 * The labels of a namespace as they stand now; as they last stood while the API server does not answer. A mode that was
 * taken back meanwhile is no way in: the admission policies compare with the namespace itself.
 */
export function createNamespaceLabels(client: Pick<KubeClient, 'get'>): (name: string) => Promise<Labels> {
  const known = new Map<string, Labels>()
  return async (name) => {
    try {
      const labels = (await client.get(namespaces, { name }, { timeoutMs })).metadata.labels ?? {}
      if (known.size < maxKnown || known.has(name)) known.set(name, labels)
      return labels
    } catch (error) {
      const last = known.get(name)
      if (last === undefined) throw error
      return last
    }
  }
}
