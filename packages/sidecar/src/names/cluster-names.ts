/** Whose word an address is: only the cluster's own name server speaks for Services, anybody for names elsewhere. */
export type NameAuthority = 'apiServer' | 'service' | 'elsewhere'

export interface ClusterNames {
  /** The full name of the cluster's API; undefined outside a cluster. */
  readonly apiServer: string | undefined
  /** `name` is the full name that was found. */
  authorityOf(name: string): NameAuthority
}

/** What the kubelet writes first: `<namespace>.svc.<domain> svc.<domain> <domain>`. */
const serviceSuffix = /^(?:[^.]+\.)?(svc\..+)$/

/**
 * The cluster's own names by its search list. Names below `pod.<domain>` are not among them: a name server may make them
 * up for any address (CoreDNS, `pods insecure`).
 */
export function createClusterNames(search: readonly string[]): ClusterNames {
  const [services] = search.flatMap((suffix) => serviceSuffix.exec(suffix)?.[1] ?? [])
  const apiServer = services === undefined ? undefined : `kubernetes.default.${services}`
  return {
    apiServer,
    authorityOf(name) {
      if (services === undefined || !name.endsWith(`.${services}`)) return 'elsewhere'
      return name === apiServer ? 'apiServer' : 'service'
    },
  }
}
