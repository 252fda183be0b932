import { isKubeError } from '../errors.ts'
import type { CallOptions, KubeClient, ObjectList, Selection } from './kube-client.ts'
import type { KubeObject } from './object.ts'
import type { Resource } from './resource.ts'

/** What client-go and kubectl ask for at once. */
const pageItems = 500

/**
 * Every object, page by page, all as of one moment. When the moment is compacted away between pages, the whole list is
 * read once more in one piece.
 */
export async function listAll<T extends KubeObject>(
  client: Pick<KubeClient, 'list'>,
  resource: Resource<T>,
  options: Selection & CallOptions & { readonly maxItems?: number } = {},
): Promise<ObjectList<T>> {
  const { maxItems = Infinity, ...selection } = options
  const items: T[] = []
  let page = await client.list(resource, { ...selection, limit: pageItems })
  for (;;) {
    for (const item of page.items) items.push(item)
    const { continueToken } = page
    if (continueToken === undefined || items.length > maxItems) return { items, resourceVersion: page.resourceVersion }
    try {
      page = await client.list(resource, { ...selection, limit: pageItems, continueToken })
    } catch (error) {
      if (!isKubeError(error, 'ERR_KUBE_GONE')) throw error
      return client.list(resource, selection)
    }
  }
}
