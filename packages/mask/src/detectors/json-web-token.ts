import { findPattern, type Detector } from './detector.ts'

const pattern = /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{4,8192}\.[A-Za-z0-9_-]{0,4096}/g

/** Three base64url parts of which the first is a JSON header (RFC 7519). */
export const jsonWebToken: Detector = {
  name: 'JsonWebToken',
  label: 'jwt',
  anchors: ['eyJ'],
  find: (text) => findPattern(text, pattern, () => true),
}
