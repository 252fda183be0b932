import { errorText } from '@chaperone/core'
import { createReflector, type KubeClient } from '@chaperone/kube'
import { serviceHost, type OperatorPorts } from '../parts.ts'
import { secrets, type Secret } from '../resources.ts'
import {
  certificatesOf,
  isPublished,
  keepCertificates,
  loadCertificates,
  secretName,
  type KeeperOptions,
} from './certificate-keeper.ts'
import type { Certificates } from './desired.ts'

/** The certificates that this replica serves with, as they are in the Secret now. */
export interface LiveCertificates {
  readonly current: () => Certificates
  /** Called with every later state: servers reload, sidecars are told. */
  onChange(listener: (next: Certificates) => void): void
  /** Whether the webhooks trust what is served here. */
  isPublished(): Promise<boolean>
  /** Follows the Secret until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>
  /** The leader's part: rotates, and publishes the bundle. */
  keep(leading: AbortSignal): Promise<void>
}

const retryMs = 2000

/** Resolves once there are certificates, made here when nobody has; rejects when the signal aborts first. */
export async function createLiveCertificates(
  ports: OperatorPorts & { readonly client: KubeClient },
  signal: AbortSignal,
): Promise<LiveCertificates> {
  const { config, client, clock, random, log } = ports
  const host = serviceHost(config)
  const keeper = { ...ports, namespace: config.namespace, names: [host, `${host}.cluster.local`] }
  let current = await firstCertificates(keeper, signal)
  const listeners: ((next: Certificates) => void)[] = []
  const reflector = createReflector({
    client,
    clock,
    random,
    resource: secrets,
    namespace: config.namespace,
    fieldSelector: `metadata.name=${secretName}`,
    observer: { failed: (error) => log.warn({ resource: 'secrets', error: errorText(error) }, 'watch failed') },
  })
  const reload = (secret: Secret): void => {
    const next = certificatesOf(secret)
    if (next === undefined || isSame(next, current)) return
    current = next
    for (const listener of listeners) listener(next)
  }
  reflector.addHandler({ added: reload, updated: reload })
  return {
    current: () => current,
    onChange: (listener) => void listeners.push(listener),
    isPublished: () => isPublished(client, current.caBundle),
    follow: (stopped) => reflector.run(stopped),
    keep: (leading) => keepCertificates(keeper, leading),
  }
}

const isSame = (a: Certificates, b: Certificates): boolean =>
  a.caBundle === b.caBundle && a.certificate === b.certificate

async function firstCertificates(keeper: KeeperOptions, signal: AbortSignal): Promise<Certificates> {
  for (;;) {
    try {
      return await loadCertificates(keeper)
    } catch (error) {
      signal.throwIfAborted()
      keeper.log.warn({ error: errorText(error) }, 'cannot start yet; trying again')
      await keeper.clock.sleep(retryMs, signal)
    }
  }
}
