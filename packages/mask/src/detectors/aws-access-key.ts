import { caseless } from '../scan/anchor-pattern.ts'
import { findPattern, findPrefixed, type Detector } from './detector.ts'

const secretKey = /(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g
/** What makes a secret key of 40 characters that could be any hash, if it stands this closely before them. */
const context = /aws|secret.?access|AKIA|ASIA/i
const maxContext = 64

/** Access key ids (AWS IAM identifiers) and, beside one or a word that announces it, the 40-character secret. */
export const awsAccessKey: Detector = {
  name: 'AwsAccessKey',
  label: 'aws',
  anchors: ['A[KS]IA', caseless('aws'), `${caseless('secret')}[ _-]?${caseless('access')}`],
  find(text) {
    const ids = ['AKIA', 'ASIA']
      .flatMap((prefix) => findPrefixed(text, prefix, /[A-Z0-9]/, 16))
      .filter((span) => span.end - span.start === 20)
    const secrets = findPattern(text, secretKey, isMixed).filter(({ start }) =>
      context.test(text.slice(Math.max(0, start - maxContext), start)),
    )
    return [...ids, ...secrets].sort((a, b) => a.start - b.start)
  },
  named: (name, value) => context.test(name) && /^[A-Za-z0-9/+]{40}$/.test(value) && isMixed(value),
}

/** Base64 of random bytes; hashes in hexadecimal have one case only. */
function isMixed(value: string): boolean {
  return /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value)
}
