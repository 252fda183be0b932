import type { Target } from '@chaperone/core'
import type { UpstreamDialer } from '../engine/engine.ts'
import { UpstreamError } from '../errors.ts'
import type { ClusterNames } from '../names/cluster-names.ts'
import type { AddressRules } from './address-class.ts'
import type { ApiServerAddresses } from './api-server-addresses.ts'
import { raceConnect } from './race-connect.ts'
import type { NameResolver } from './resolver.ts'
import { createSecure } from './secure.ts'

/** All addresses of one name together. */
const connectTimeoutMs = 10_000

/** Dials what the name resolves to for us, whatever address the agent had in mind. */
export function createUpstreamDialer(ports: {
  readonly resolver: NameResolver
  readonly names: ClusterNames
  readonly apiServer: ApiServerAddresses
  readonly rules: AddressRules
  /** PEM to trust for a name besides the public roots, possibly empty. */
  readonly caBundle: (servername: string) => string
}): UpstreamDialer {
  return {
    async connect(target, { cidrs, signal }) {
      const addresses = await permittedAddresses(ports, target, cidrs)
      try {
        return await raceConnect(addresses, { port: target.port, timeoutMs: connectTimeoutMs, signal })
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'ETIMEDOUT'
        throw new UpstreamError('UpstreamUnreachable', `${target.host}:${target.port} cannot be reached: ${code}`)
      }
    },
    secure: createSecure(ports.caBundle),
  }
}

async function permittedAddresses(
  { resolver, names, apiServer, rules }: Omit<Parameters<typeof createUpstreamDialer>[0], 'caBundle'>,
  target: Target,
  cidrs: readonly string[] | undefined,
): Promise<readonly string[]> {
  const [{ name, addresses, overridden }, ofApiServer] = await Promise.all([resolver.resolve(target), apiServer()])
  if (overridden) return addresses
  const dialled = { cidrs, authority: names.authorityOf(name), apiServer: ofApiServer }
  const judged = addresses.map((address) => ({ address, objection: rules.objection(address, dialled) }))
  const permitted = judged.filter(({ objection }) => objection === undefined)
  if (permitted.length > 0) return permitted.map(({ address }) => address)
  throw new UpstreamError(
    'DestinationForbidden',
    `${target.host} resolves to addresses that may not be reached: ${judged[0]?.objection ?? 'none'}`,
  )
}
