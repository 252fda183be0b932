import { CodedError } from '@chaperone/core'

/** The environment does not say what the operator needs; every problem at once. */
export class ConfigError extends CodedError<'ERR_CONFIG'> {}

export interface Config {
  readonly namespace: string
  readonly podName: string
  readonly logLevel: string
  /** Name of the Service that fronts webhooks and control API. */
  readonly service: string
  readonly webhookPort: number
  readonly controlPort: number
  readonly healthPort: number
  /** Port of the Service for the control API, as sidecars dial it. */
  readonly controlServicePort: number
  readonly collectorUrl: string
  readonly sidecar: {
    readonly image: string
    readonly pullPolicy: string
    readonly logLevel: string
    readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> }
    readonly auditMaxBytes: number
    readonly verifyPeriodSeconds: number
  }
  /** Only outside a cluster. */
  readonly kubeconfig: string | undefined
}

/** Reads the environment. Throws ConfigError, which lists every problem; the program then exits with 64. */
export function parseConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const problems: string[] = []
  const required = (name: string): string => {
    const value = env[name] ?? ''
    if (value === '') problems.push(`${name}: required, but missing`)
    return value
  }
  const integer = (name: string, fallback: number): number => {
    const value = env[name] ?? String(fallback)
    if (!/^\d{1,12}$/.test(value)) problems.push(`${name}: expected a whole number, given ${JSON.stringify(value)}`)
    return Number(value)
  }
  const resources = (): Config['sidecar']['resources'] => {
    const text = env['CHAPERONE_SIDECAR_RESOURCES'] ?? '{"requests":{},"limits":{}}'
    try {
      return JSON.parse(text) as Config['sidecar']['resources']
    } catch {
      problems.push('CHAPERONE_SIDECAR_RESOURCES: expected JSON with requests and limits')
      return { requests: {}, limits: {} }
    }
  }
  const config: Config = {
    namespace: required('CHAPERONE_NAMESPACE'),
    podName: required('CHAPERONE_POD_NAME'),
    logLevel: env['CHAPERONE_LOG_LEVEL'] ?? 'info',
    service: env['CHAPERONE_SERVICE'] ?? 'chaperone-control',
    webhookPort: integer('CHAPERONE_WEBHOOK_PORT', 9443),
    controlPort: integer('CHAPERONE_CONTROL_PORT', 8443),
    healthPort: integer('CHAPERONE_HEALTH_PORT', 8080),
    controlServicePort: integer('CHAPERONE_CONTROL_SERVICE_PORT', 8443),
    collectorUrl: required('CHAPERONE_COLLECTOR_URL'),
    sidecar: {
      image: required('CHAPERONE_SIDECAR_IMAGE'),
      pullPolicy: env['CHAPERONE_SIDECAR_PULL_POLICY'] ?? 'IfNotPresent',
      logLevel: env['CHAPERONE_SIDECAR_LOG_LEVEL'] ?? 'info',
      resources: resources(),
      auditMaxBytes: integer('CHAPERONE_SIDECAR_AUDIT_MAX_BYTES', 256 * 1024 * 1024),
      verifyPeriodSeconds: integer('CHAPERONE_VERIFY_PERIOD_SECONDS', 300),
    },
    kubeconfig: env['KUBECONFIG'],
  }
  if (problems.length > 0) throw new ConfigError('ERR_CONFIG', problems.join('; '))
  return config
}
