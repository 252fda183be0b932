import { Type } from 'typebox'

/** RFC 1123 label, as Kubernetes names are. */
export const dnsLabelPattern = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'
/** RFC 1123 subdomain. */
export const dnsSubdomainPattern = '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$'
/** Go-style durations in hours, minutes and seconds: `90s`, `30m`, `8h`, `1h30m`. */
export const durationPattern = '^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$'
/** Bytes with an optional binary suffix. */
export const byteQuantityPattern = '^[0-9]{1,9}(Ki|Mi)?$'
/** Exact name, `*.` suffix, bare `*`, or an IP literal. Lower case, no trailing dot. */
export const hostPattern =
  '^(\\*|(\\*\\.)?[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?(\\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*|[0-9a-f:]{2,39})$'

/** What a pattern asks for, in words for people. */
export const patternWords: Readonly<Record<string, string>> = {
  [dnsLabelPattern]: 'a name of lower-case letters, digits and -',
  [dnsSubdomainPattern]: 'a name of lower-case letters, digits, - and .',
  [durationPattern]: 'a duration such as 90s, 30m, 8h',
  [byteQuantityPattern]: 'bytes such as 4096, 64Ki, 1Mi',
  [hostPattern]: 'a host such as api.example.com, *.example.com, * or an IP address',
}

export const dnsLabel = (description: string) => Type.String({ pattern: dnsLabelPattern, maxLength: 63, description })
export const objectName = (description: string) =>
  Type.String({ pattern: dnsSubdomainPattern, maxLength: 253, description })
export const duration = (description: string, value?: string) =>
  Type.String({
    pattern: durationPattern,
    minLength: 2,
    maxLength: 20,
    description: `${description} Such as 90s, 30m, 8h or 1h30m.`,
    ...(value === undefined ? {} : { default: value }),
  })
export const byteQuantity = (description: string, value: string) =>
  Type.String({ pattern: byteQuantityPattern, minLength: 1, maxLength: 11, description, default: value })
export const text = (description: string, maxLength: number) => Type.String({ maxLength, description })
export const dateTime = (description: string) => Type.String({ format: 'date-time', maxLength: 40, description })
export const count = (description: string) => Type.Integer({ minimum: 0, format: 'int64', description })

/** Milliseconds of a duration that matched `durationPattern`. */
export function parseDurationMs(value: string): number {
  let ms = 0
  for (const [, digits, unit] of value.matchAll(/(\d+)([hms])/g)) {
    ms += Number(digits) * (unit === 'h' ? 3_600_000 : unit === 'm' ? 60_000 : 1000)
  }
  return ms
}

/** Bytes of a quantity that matched `byteQuantityPattern`. */
export function parseByteQuantity(value: string): number {
  const factor = value.endsWith('Ki') ? 1024 : value.endsWith('Mi') ? 1024 * 1024 : 1
  return Number.parseInt(value, 10) * factor
}
