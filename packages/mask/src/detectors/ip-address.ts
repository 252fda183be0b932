import { isIP } from 'node:net'
import { findPattern, type Detector } from './detector.ts'

const pattern = /(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w.:])/g

export const ipAddress: Detector = {
  name: 'IpAddress',
  label: 'ip',
  anchor: String.raw`\d\.\d|:[0-9A-Fa-f]{0,4}:`,
  find: (text) => findPattern(text, pattern, (match) => isIP(match) !== 0 && match !== '::'),
}
