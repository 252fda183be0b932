import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { interceptions, parseInterception, type Interception } from '@chaperone/api'
import { sidecarPorts } from '@chaperone/guard'
import { ConfigError } from './errors.ts'
import { waiting } from './verify/first-process.ts'

export type ControlAddress =
  { readonly kind: 'https'; readonly url: URL; readonly ca: string } | { readonly kind: 'unix'; readonly path: string }

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** `HOST:PORT:ADDRESS`, as curl's --resolve: this name is found at this address, whatever DNS says. */
export interface ResolveOverride {
  readonly host: string
  readonly port: number
  readonly address: string
}

export interface Config {
  readonly control: ControlAddress
  /** Read anew for every connection: the kubelet rotates it. */
  readonly tokenFile?: string
  /** Memory volume of the sidecar alone: CA key and what must survive a restart of the container. */
  readonly privateDir: string
  /** Certificates for the agent. */
  readonly trustDir: string
  /** Where the agent sees `trustDir`. */
  readonly agentTrustDir: string
  readonly auditDir: string
  readonly auditMaxBytes: number
  readonly auditTo: { readonly kind: 'otlp'; readonly url: URL } | { readonly kind: 'file'; readonly path: string }
  /** `<dir>/<secret>/<key>`. */
  readonly credentialsDir?: string
  readonly logLevel: string
  /** Addresses of the node, which no agent may reach. */
  readonly hostIps: readonly string[]
  /** Address of the cluster's API server, as the kubelet tells every container; none on a laptop. */
  readonly apiServerIps: readonly string[]
  readonly resolve: readonly ResolveOverride[]
  /** Which listeners are bound for the agent. */
  readonly interception: Interception
  /** Undefined: no such listener. */
  readonly health?: ListenAddress
  /** Where verify reports, and how often; undefined where none runs. */
  readonly verifyDir?: string
  readonly verifyPeriodMs: number
  /** Listeners arrive over the IPC channel instead of being bound. */
  readonly inherit: boolean
  readonly pod: {
    readonly name: string
    readonly namespace: string
    readonly uid: string
    readonly serviceAccount: string
  }
  readonly drainMs: number
}

/** What `verify` needs: it runs in the agent's position and knows nothing of the director. */
export interface VerifyConfig {
  readonly trustDir: string
  readonly verifyDir: string
  readonly terminationLog: string
  /** The program that the first process of the container becomes when the guard is up. */
  readonly firstProcess: string
  /** Where clients of the agent are led, when there is no guard. */
  readonly proxy?: URL
}

/** Log that is kept when the collector is away; the injector sets the volume to twice as much. */
const defaultAuditMaxBytes = 256 * 1024 * 1024
/** The kubelet's grace is 30 s unless the pod says otherwise; what is left is for the audit log. */
const defaultDrainMs = 20_000
const defaultAgentTrustDir = '/etc/chaperone/trust'
const defaultVerifyPeriodSeconds = 300
const defaultTerminationLog = '/dev/termination-log'
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

export type Environment = Readonly<Record<string, string | undefined>>

/** The environment of this process; nobody else reads it. */
export const processEnvironment: Environment = process.env

/** Reads `CHAPERONE_*`, and what the kubelet says of the API server. Throws ConfigError with every problem at once. */
export function parseConfig(env: Environment): Config {
  const reader = createReader(env)
  const { text, required, count } = reader
  const tokenFile = text('CHAPERONE_TOKEN_FILE')
  const credentialsDir = text('CHAPERONE_CREDENTIALS_DIR')
  const verifyDir = text('CHAPERONE_VERIFY_DIR')
  const health = listenAddress(reader, 'CHAPERONE_HEALTH', `0.0.0.0:${sidecarPorts.health}`)
  const config: Config = {
    control: controlAddress(reader),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    privateDir: required('CHAPERONE_PRIVATE_DIR'),
    trustDir: required('CHAPERONE_TRUST_DIR'),
    agentTrustDir: text('CHAPERONE_AGENT_TRUST_DIR') ?? defaultAgentTrustDir,
    auditDir: required('CHAPERONE_AUDIT_DIR'),
    auditMaxBytes: count('CHAPERONE_AUDIT_MAX_BYTES', defaultAuditMaxBytes),
    auditTo: auditDestination(reader),
    ...(credentialsDir === undefined ? {} : { credentialsDir }),
    logLevel: logLevel(reader),
    hostIps: addresses(reader, 'CHAPERONE_HOST_IPS'),
    apiServerIps: listed(reader, 'KUBERNETES_SERVICE_HOST').filter((host) => isIP(host) !== 0),
    resolve: overrides(reader),
    interception: interception(reader),
    ...(health === undefined ? {} : { health }),
    ...(verifyDir === undefined ? {} : { verifyDir }),
    verifyPeriodMs: count('CHAPERONE_VERIFY_PERIOD_SECONDS', defaultVerifyPeriodSeconds) * 1000,
    inherit: flag(reader, 'CHAPERONE_INHERIT'),
    pod: {
      name: text('CHAPERONE_POD_NAME') ?? '',
      namespace: text('CHAPERONE_POD_NAMESPACE') ?? '',
      uid: text('CHAPERONE_POD_UID') ?? '',
      serviceAccount: text('CHAPERONE_SERVICE_ACCOUNT') ?? '',
    },
    drainMs: count('CHAPERONE_DRAIN_MS', defaultDrainMs),
  }
  if (reader.problems.length > 0) throw new ConfigError(reader.problems)
  return config
}

/** Throws ConfigError. */
export function parseVerifyConfig(env: Environment): VerifyConfig {
  const reader = createReader(env)
  const trustDir = reader.required('CHAPERONE_TRUST_DIR')
  const verifyDir = reader.required('CHAPERONE_VERIFY_DIR')
  const terminationLog = reader.text('CHAPERONE_TERMINATION_LOG') ?? defaultTerminationLog
  const firstProcess = reader.text('CHAPERONE_FIRST_PROCESS') ?? waiting
  const proxy = interception(reader) === 'Proxy' ? proxyUrl(reader) : undefined
  if (reader.problems.length > 0) throw new ConfigError(reader.problems)
  return { trustDir, verifyDir, terminationLog, firstProcess, ...(proxy === undefined ? {} : { proxy }) }
}

interface Reader {
  readonly problems: string[]
  /** Undefined when unset or empty. */
  text(name: string): string | undefined
  required(name: string): string
  count(name: string, byDefault: number): number
}

function createReader(env: Environment): Reader {
  const problems: string[] = []
  const text = (name: string): string | undefined => (env[name] === '' ? undefined : env[name])
  return {
    problems,
    text,
    required(name) {
      const value = text(name)
      if (value === undefined) problems.push(`${name}: required`)
      return value ?? ''
    },
    count(name, byDefault) {
      const value = text(name)
      if (value === undefined) return byDefault
      if (!/^[1-9][0-9]{0,14}$/.test(value)) problems.push(`${name}: expected a positive integer`)
      return Number(value)
    },
  }
}

function controlAddress(reader: Reader): ControlAddress {
  const name = 'CHAPERONE_CONTROL_URL'
  const value = reader.required(name)
  if (value.startsWith('unix:')) {
    const path = value.slice('unix:'.length)
    if (!path.startsWith('/')) reader.problems.push(`${name}: expected unix:/absolute/path`)
    return { kind: 'unix', path }
  }
  const url = parseUrl(value)
  if (url?.protocol !== 'https:') {
    if (value !== '') reader.problems.push(`${name}: expected an https:// URL or unix:/path`)
    return { kind: 'unix', path: '' }
  }
  return { kind: 'https', url, ca: controlCa(reader) }
}

function controlCa(reader: Reader): string {
  const file = reader.text('CHAPERONE_CONTROL_CA_FILE')
  const pem = reader.text('CHAPERONE_CONTROL_CA') ?? (file === undefined ? undefined : readText(reader, file))
  if (pem === undefined || !pem.includes('-----BEGIN CERTIFICATE-----')) {
    reader.problems.push('CHAPERONE_CONTROL_CA or CHAPERONE_CONTROL_CA_FILE: expected PEM certificates')
    return ''
  }
  return pem
}

function readText(reader: Reader, file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    reader.problems.push(`CHAPERONE_CONTROL_CA_FILE: cannot be read: ${file}`)
    return undefined
  }
}

function auditDestination(reader: Reader): Config['auditTo'] {
  const path = reader.text('CHAPERONE_AUDIT_FILE')
  const collector = reader.text('CHAPERONE_COLLECTOR_URL')
  if ((path === undefined) === (collector === undefined))
    reader.problems.push('CHAPERONE_COLLECTOR_URL, CHAPERONE_AUDIT_FILE: expected exactly one of them')
  if (path !== undefined) return { kind: 'file', path }
  const url = parseUrl(collector ?? '')
  if (collector !== undefined && url?.protocol !== 'http:' && url?.protocol !== 'https:')
    reader.problems.push('CHAPERONE_COLLECTOR_URL: expected an http:// or https:// URL')
  return { kind: 'otlp', url: url ?? new URL('http://invalid') }
}

function interception(reader: Reader): Interception {
  const value = parseInterception(reader.text('CHAPERONE_INTERCEPTION'))
  if (value === undefined) reader.problems.push(`CHAPERONE_INTERCEPTION: expected ${interceptions.join(' or ')}`)
  return value ?? 'Transparent'
}

function proxyUrl(reader: Reader): URL | undefined {
  const url = parseUrl(reader.text('HTTPS_PROXY') ?? '')
  if (url?.protocol !== 'http:') reader.problems.push('HTTPS_PROXY: expected an http:// URL')
  return url
}

function logLevel(reader: Reader): string {
  const level = reader.text('CHAPERONE_LOG_LEVEL') ?? 'info'
  if (!logLevels.includes(level)) reader.problems.push(`CHAPERONE_LOG_LEVEL: expected one of ${logLevels.join(', ')}`)
  return level
}

function flag(reader: Reader, name: string): boolean {
  const value = reader.text(name)
  if (value !== undefined && value !== 'true' && value !== 'false')
    reader.problems.push(`${name}: expected true or false`)
  return value === 'true'
}

function listed(reader: Reader, name: string): string[] {
  return (reader.text(name) ?? '').split(',').flatMap((item) => (item.trim() === '' ? [] : item.trim()))
}

function addresses(reader: Reader, name: string): string[] {
  const items = listed(reader, name)
  for (const item of items)
    if (isIP(item) === 0) reader.problems.push(`${name}: expected IP addresses, comma-separated`)
  return items
}

function overrides(reader: Reader): ResolveOverride[] {
  return listed(reader, 'CHAPERONE_RESOLVE').flatMap((item) => {
    const [, host = '', port = '', bracketed = ''] = /^([^:]+):(\d{1,5}):(.+)$/.exec(item) ?? []
    const address = bracketed.replace(/^\[(.*)\]$/, '$1')
    if (!isPort(Number(port)) || isIP(address) === 0) {
      reader.problems.push('CHAPERONE_RESOLVE: expected HOST:PORT:ADDRESS, comma-separated')
      return []
    }
    return { host: host.toLowerCase(), port: Number(port), address }
  })
}

/** `none` turns a listener off that is there by default. */
function listenAddress(reader: Reader, name: string, byDefault?: string): ListenAddress | undefined {
  const value = reader.text(name) ?? byDefault
  if (value === undefined || value === 'none') return undefined
  const [, bracketed = '', port = ''] = /^(.+):(\d{1,5})$/.exec(value) ?? []
  const host = bracketed.replace(/^\[(.*)\]$/, '$1')
  // Port 0 lets the kernel choose, for tests and laptops.
  if (isIP(host) === 0 || Number(port) > 65_535) {
    reader.problems.push(`${name}: expected ADDRESS:PORT or none`)
    return undefined
  }
  return { host, port: Number(port) }
}

function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535
