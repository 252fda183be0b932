import { mkdir } from 'node:fs/promises'
import { createFileSink, createOtlpHttpSink, type Sink } from '@chaperone/audit'
import type { Clock, Random } from '@chaperone/core'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { openKeptTrust, type KeptTrust } from '../control/kept-trust.ts'
import { createAuditTrail, type AuditTrail } from '../engine/audit-trail.ts'
import { openMaskKey } from '../engine/mask-key.ts'
import { readResolvConf, type ResolvConf } from '../names/resolv-conf.ts'
import { openCertificateAuthority } from '../tls/certificate-authority.ts'
import { createLeafContexts } from '../tls/leaf-contexts.ts'
import type { TlsTerminator } from '../tls/tls-terminator.ts'
import { writeTrustBundle } from '../tls/trust-bundle.ts'
import { openClusterAuthority } from '../upstream/cluster-authority.ts'
import { readDefaultGateways } from '../upstream/default-gateways.ts'
import { createOwnFetch } from '../upstream/own-fetch.ts'
import { createNameResolver, lookupWith, type NameResolver } from '../upstream/resolver.ts'
import { openContainment, uncontained, type Containment } from '../verify/containment.ts'

/** What outlives a restart of the container, opened; and the certificates for the agent, written. */
export interface PodState {
  readonly resolvConf: ResolvConf
  readonly resolver: NameResolver
  readonly tls: TlsTerminator
  readonly trust: KeptTrust
  readonly trail: AuditTrail
  readonly maskKey: Uint8Array
  readonly containment: Containment
  readonly clusterAuthority: (servername: string) => string
  /** What the node is reached by besides the addresses that its status lists. */
  readonly gateways: readonly string[]
}

export interface Machine {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export async function openState(config: Config, machine: Machine): Promise<PodState> {
  const { privateDir, trustDir, agentTrustDir } = config
  const { clock, random, log } = machine
  for (const dir of [privateDir, trustDir]) await mkdir(dir, { recursive: true })
  const resolvConf = await readResolvConf(privateDir)
  const resolver = createNameResolver(resolvConf, config.resolve, clock)
  const authority = await openCertificateAuthority(privateDir, machine)
  await writeTrustBundle(
    authority.certificatePem,
    { trustDir, agentTrustDir, namespace: config.pod.namespace },
    clock.now(),
  )
  const trail = await createAuditTrail({
    directory: config.auditDir,
    maxBytes: config.auditMaxBytes,
    sink: createSink(config, resolver),
    serviceAccount: config.pod.serviceAccount,
    interception: config.interception,
    clock,
    random,
    log,
  })
  return {
    resolvConf,
    resolver,
    trail,
    tls: await createLeafContexts(authority, machine),
    trust: await openKeptTrust(config.control, privateDir),
    maskKey: await openMaskKey(privateDir, random),
    containment:
      config.interception === 'Proxy'
        ? uncontained
        : openContainment({ verifyDir: config.verifyDir, periodMs: config.verifyPeriodMs }, machine),
    clusterAuthority: await openClusterAuthority(config.credentialsDir),
    gateways: await readDefaultGateways(),
  }
}

function createSink({ auditTo }: Config, resolver: NameResolver): Sink {
  if (auditTo.kind === 'file') return createFileSink(auditTo.path)
  return createOtlpHttpSink({ url: auditTo.url.href, fetch: createOwnFetch(lookupWith(resolver)) })
}
