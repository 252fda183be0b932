import { Resolver } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { errorText, type Clock, type Target } from '@chaperone/core'
import type { ResolveOverride } from '../config.ts'
import { UpstreamError } from '../errors.ts'
import type { ResolvConf } from '../names/resolv-conf.ts'
import { isSynthetic } from '../names/synthetic-pool.ts'

export interface Resolved {
  /** Under which the addresses were found: in full, with the search suffix. */
  readonly name: string
  readonly addresses: readonly string[]
  /** The configuration says so: the address is not judged by its class. */
  readonly overridden: boolean
}

/** Our own resolution of the names that rules allow. Never reads /etc/hosts, which an agent may be able to write. */
export interface NameResolver {
  /** IPv4 first. Rejects with UpstreamError `UpstreamUnreachable`. */
  resolve(target: Target): Promise<Resolved>
}

const queryTimeoutMs = 2000
const queryTries = 3
/** Ports from which a name is asked for, one after another. */
const maxPorts = 5
/** Names whose addresses are remembered. */
const maxRemembered = 1000
/** Answers without a lifetime of their own are still shared by a burst of connections; long-lived ones move at last. */
const minTtlMs = 1000
const maxTtlMs = 60_000

/** Asks the servers of the pod, by DNS alone. */
export function createNameResolver(
  { nameservers, search }: ResolvConf,
  overrides: readonly ResolveOverride[],
  clock: Clock,
): NameResolver {
  const remembered = new Map<string, { readonly answer: Promise<Answer>; expiresMs: number }>()

  const lookUp = (host: string): Promise<Answer> => {
    const known = remembered.get(host)
    if (known !== undefined && known.expiresMs > clock.now()) return known.answer
    const entry = { answer: resolveName(host, { nameservers, search }), expiresMs: clock.now() + maxTtlMs }
    if (remembered.size >= maxRemembered) remembered.clear()
    remembered.set(host, entry)
    entry.answer.then(
      ({ ttlMs }) => (entry.expiresMs = clock.now() + Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs)),
      () => remembered.delete(host),
    )
    return entry.answer
  }

  return {
    async resolve({ host, port }) {
      const override = overrides.filter((each) => each.host === host && each.port === port)
      if (override.length > 0) return { name: host, addresses: override.map((each) => each.address), overridden: true }
      if (isIP(host) !== 0) return { name: host, addresses: [host], overridden: false }
      if (nameservers.length === 0) throw unreachable('the pod has no name servers')
      const { name, addresses } = await lookUp(host)
      return { name, addresses, overridden: false }
    },
  }
}

/** For the sidecar's own connections, in place of getaddrinfo, which reads /etc/hosts. */
export function lookupWith(resolver: NameResolver): LookupFunction {
  return (host, options, done) => {
    resolver.resolve({ host, port: 0 }).then(
      ({ addresses }) => {
        const found = addresses.map((address) => ({ address, family: isIP(address) }))
        const wanted =
          options.family === 4 || options.family === 6 ? found.filter((each) => each.family === options.family) : found
        const [first] = wanted
        if (first === undefined) done(notFound(host), [])
        else if (options.all === true) done(null, wanted)
        else done(null, first.address, first.family)
      },
      (error: unknown) => done(error as NodeJS.ErrnoException, []),
    )
  }
}

interface Answer {
  readonly name: string
  readonly addresses: readonly string[]
  readonly ttlMs: number
}

/** `<namespace>.svc.<domain>`, which the kubelet writes first. */
const ownNamespace = /^[^.]+\.svc\./

/**
 * The name itself first, then below the search suffixes: the other way round, whoever may create a namespace `com` could
 * take a public name over. Only names without a dot and `*.svc` are no public names and start with the suffixes.
 *
 * Only names without a dot are sought in the pod's own namespace: there, whoever may make pods and a headless Service
 * `com` has the name `example.com`, once nobody else has it any more.
 */
async function resolveName(host: string, { nameservers, search }: ResolvConf): Promise<Answer> {
  const isShort = !host.includes('.')
  const suffixes = isShort ? search : search.filter((suffix) => !ownNamespace.test(suffix))
  const below = suffixes.map((suffix) => `${host}.${suffix}`)
  const names = isShort || host.endsWith('.svc') ? [...below, host] : [host, ...below]
  for (const name of names) {
    const answer = await resolveBoth(nameservers, name)
    if (answer.addresses.length > 0) return answer
  }
  throw unreachable(`the name ${host} does not resolve`)
}

/**
 * Both families, asked from one port; from another one where our own synthetic addresses come back. Connection
 * tracking remembers for half a minute from which ports the agent asked the same servers, and leads whoever asks from one of
 * them to where it led the agent.
 */
async function resolveBoth(nameservers: readonly string[], name: string): Promise<Answer> {
  for (let port = 1; port < maxPorts; port += 1) {
    const answer = await askOnce(nameservers, name)
    if (!answer.addresses.some(isSynthetic)) return answer
  }
  return askOnce(nameservers, name)
}

async function askOnce(nameservers: readonly string[], name: string): Promise<Answer> {
  const resolver = new Resolver({ timeout: queryTimeoutMs, tries: queryTries })
  resolver.setServers(nameservers)
  const [v4, v6] = await Promise.allSettled([
    resolver.resolve4(name, { ttl: true }),
    resolver.resolve6(name, { ttl: true }),
  ])
  const records = [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  if (records.length === 0)
    for (const answer of [v4, v6]) if (answer.status === 'rejected') rethrowFailure(answer.reason)
  return {
    name,
    addresses: records.map((record) => record.address),
    ttlMs: Math.min(...records.map((record) => record.ttl * 1000)),
  }
}

/** No such name and no such data are answers; a server that fails or is silent must not lead on to the next suffix. */
function rethrowFailure(reason: unknown): void {
  const { code } = reason as NodeJS.ErrnoException
  if (code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EBADNAME') return
  throw unreachable(`the name servers of the pod failed: ${errorText(reason)}`)
}

function unreachable(message: string): UpstreamError {
  return new UpstreamError('UpstreamUnreachable', message)
}

function notFound(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address of this family`), { code: 'ENOTFOUND' })
}
