import type { Logger } from 'pino'
import { errorText, type Clock, type Random } from '@chaperone/core'
import { isKubeError, type KubeClient } from '@chaperone/kube'
import { mutatingWebhookConfigurations, secrets, type Secret } from '../resources.ts'
import { desiredCertificates, type Certificates } from './desired.ts'

export const secretName = 'chaperone-certs'
export const webhookConfigurationName = 'chaperone'

export interface KeeperOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly namespace: string
  /** Names of the Service. */
  readonly names: readonly string[]
}

/** Looks this often whether the certificates are worn or somebody else changed the webhooks' caBundle, which fails every call until it is right again. */
const checkIntervalMs = 5000

/** Reads the certificates, making them when there are none yet; of several replicas the first one's count. */
export async function loadCertificates({
  client,
  clock,
  random,
  namespace,
  names,
}: KeeperOptions): Promise<Certificates> {
  const current = await readSecret(client, namespace)
  if (current !== undefined) return current.certificates
  const made = await desiredCertificates(undefined, names, clock.now(), random)
  try {
    await client.create(secrets, secretOf(namespace, made))
    return made
  } catch (error) {
    if (!isKubeError(error, 'ERR_KUBE_ALREADY_EXISTS')) throw error
    return (await readSecret(client, namespace))?.certificates ?? made
  }
}

/** Runs on the leader: rotates with overlap and keeps every webhook's caBundle right. */
export async function keepCertificates(options: KeeperOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, random, log, namespace, names } = options
  while (!signal.aborted) {
    try {
      const current = await readSecret(client, namespace)
      const desired = await desiredCertificates(current?.certificates, names, clock.now(), random)
      if (current === undefined) await client.create(secrets, secretOf(namespace, desired))
      else if (desired !== current.certificates) {
        await client.update(secrets, { ...secretOf(namespace, desired), metadata: current.secret.metadata })
        log.info('certificates rotated')
      }
      await publishBundle(client, desired.caBundle)
    } catch (error) {
      log.warn({ error: errorText(error) }, 'certificates not kept; trying again')
    }
    await clock.sleep(checkIntervalMs, signal).catch(() => undefined)
  }
}

/** Whether the webhooks trust what we serve. */
export async function isPublished(client: KubeClient, caBundle: string): Promise<boolean> {
  const configuration = await client.get(mutatingWebhookConfigurations, { name: webhookConfigurationName })
  const expected = Buffer.from(caBundle).toString('base64')
  return (configuration.webhooks ?? []).every((webhook) => webhook.clientConfig.caBundle === expected)
}

async function publishBundle(client: KubeClient, caBundle: string): Promise<void> {
  const name = { name: webhookConfigurationName }
  const configuration = await client.get(mutatingWebhookConfigurations, name)
  const value = Buffer.from(caBundle).toString('base64')
  const operations = (configuration.webhooks ?? []).flatMap((webhook, index) =>
    webhook.clientConfig.caBundle === value
      ? []
      : [
          { op: 'test' as const, path: `/webhooks/${index}/name`, value: webhook.name },
          { op: 'add' as const, path: `/webhooks/${index}/clientConfig/caBundle`, value },
        ],
  )
  if (operations.length > 0) await client.patch(mutatingWebhookConfigurations, name, { type: 'json', body: operations })
}

async function readSecret(
  client: KubeClient,
  namespace: string,
): Promise<{ secret: Secret; certificates: Certificates } | undefined> {
  try {
    const secret = await client.get(secrets, { namespace, name: secretName })
    const certificates = certificatesOf(secret)
    return certificates === undefined ? undefined : { secret, certificates }
  } catch (error) {
    if (isKubeError(error, 'ERR_KUBE_NOT_FOUND')) return undefined
    throw error
  }
}

export function certificatesOf({ data = {} }: Secret): Certificates | undefined {
  const text = (name: string) => Buffer.from(data[name] ?? '', 'base64').toString('utf8')
  const certificates = {
    caBundle: text('ca.crt'),
    caKey: text('ca.key'),
    certificate: text('tls.crt'),
    key: text('tls.key'),
  }
  return Object.values(certificates).includes('') ? undefined : certificates
}

function secretOf(namespace: string, { caBundle, caKey, certificate, key }: Certificates): Secret {
  const base64 = (value: string) => Buffer.from(value).toString('base64')
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: secretName },
    type: 'Opaque',
    data: {
      'ca.crt': base64(caBundle),
      'ca.key': base64(caKey),
      'tls.crt': base64(certificate),
      'tls.key': base64(key),
    },
  }
}
