import { isIP } from 'node:net'
import { findPattern, type Detector } from './detector.ts'

/** A dot, port or full stop may follow, but no fifth number; a letter before it makes a version of it. */
const version4 = /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)/g
const version6 = /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})(?![\w:]|\.\d)/g

export const ipAddress: Detector = {
  name: 'IpAddress',
  label: 'ip',
  anchors: [String.raw`\.\d{1,3}\.\d{1,3}\.\d`, '::', ':[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:'],
  find(text) {
    // Names of programs have `::` too; an address without any digit is no loss.
    const sixes = findPattern(text, version6, (match) => isIP(match) === 6 && /\d/.test(match))
    const fours = findPattern(text, version4, (match) => isIP(match) === 4)
    if (sixes.length === 0) return fours
    const ends = new Set(sixes.map(({ end }) => end))
    return [...sixes, ...fours.filter(({ end }) => !ends.has(end))].sort((a, b) => a.start - b.start)
  },
}
