import type { Agent, OutgoingHttpHeaders } from 'node:http'
import type { RequestOptions } from 'node:https'
import { errorText } from '@chaperone/core'
import { KubeConfig } from '@kubernetes/client-node'
import { KubeConfigError } from '../errors.ts'
import { impersonationHeaders } from './impersonation.ts'

/** Which cluster and who we are there. */
export interface KubeClientConfig {
  /** Path of a kubeconfig; default: `$KUBECONFIG`, then `~/.kube/config`, then in-cluster, as kubectl does. */
  readonly kubeconfig?: string
  /** A context of the kubeconfig; default: its current one. */
  readonly context?: string
  /** Use the pod's service account and nothing else. */
  readonly inCluster?: boolean
  /** Overrides the namespace of the context. */
  readonly namespace?: string
}

/** What a request needs to reach and convince the API server. */
export interface Credentials {
  /** TLS material and headers for node:https, fresh for each request; `agent` only when a proxy is configured. */
  readonly options: RequestOptions
  readonly agent: Agent | undefined
}

export interface KubeConnection {
  /** Base URL without a trailing slash; may have a path. */
  readonly server: string
  readonly namespace: string
  /** Reads files and runs plug-ins as configured; tokens are cached by the client library for up to a minute. */
  credentials(): Promise<Credentials>
  /** Forgets cached tokens: the server has refused them. */
  refresh(): void
}

/** Plug-ins write to their standard error for people; the rest is cut. */
const maxPluginMessageChars = 500

/** Reads the configuration. Throws KubeConfigError; never contacts the cluster. */
export function loadKubeConnection(config: KubeClientConfig): KubeConnection {
  let loaded = load(config)
  const cluster = loaded.getCurrentCluster()
  if (cluster === null) throw new KubeConfigError('context: expected one that names a cluster of the kubeconfig')
  const { server } = cluster
  if (!URL.canParse(server) || !/^https?:/.test(server))
    throw new KubeConfigError('server: expected an http or https URL')
  const proxied = cluster.proxyUrl !== undefined && cluster.proxyUrl !== ''
  const impersonation =
    config.inCluster === true ? {} : impersonationOf(config.kubeconfig, loaded.getCurrentUser()?.name ?? '')
  const context = loaded.getContextObject(loaded.getCurrentContext())
  return {
    server,
    namespace: config.namespace ?? context?.namespace?.trim() ?? 'default',
    async credentials() {
      const options: RequestOptions = {}
      try {
        await loaded.applyToHTTPSOptions(options)
      } catch (error) {
        const text = errorText(error).trim().slice(0, maxPluginMessageChars)
        throw new KubeConfigError(`credentials: ${text}`, { cause: error })
      }
      const agent = proxied && typeof options.agent === 'object' ? options.agent : undefined
      // The library keeps one agent with the first certificate it saw; ours takes the material of each request.
      delete options.agent
      return {
        options: { ...options, headers: { ...(options.headers as OutgoingHttpHeaders | undefined), ...impersonation } },
        agent,
      }
    },
    refresh() {
      loaded = load(config)
    },
  }
}

function impersonationOf(kubeconfig: string | undefined, user: string): ReturnType<typeof impersonationHeaders> {
  try {
    return impersonationHeaders(kubeconfig, user)
  } catch (error) {
    if (error instanceof KubeConfigError) throw error
    throw new KubeConfigError(`kubeconfig: ${errorText(error)}`, { cause: error })
  }
}

function load(config: KubeClientConfig): KubeConfig {
  const loaded = new KubeConfig()
  try {
    if (config.inCluster === true) loaded.loadFromCluster()
    else if (config.kubeconfig !== undefined) loaded.loadFromFile(config.kubeconfig)
    else loaded.loadFromDefault()
  } catch (error) {
    throw new KubeConfigError(`kubeconfig: ${errorText(error)}`, { cause: error })
  }
  if (config.context !== undefined) loaded.setCurrentContext(config.context)
  return loaded
}
