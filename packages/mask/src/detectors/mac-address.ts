import { findPattern, type Detector } from './detector.ts'

const pattern = /(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])/g

/** EUI-48 in its two usual notations (IEEE 802); broadcast and all-zero name no device. */
export const macAddress: Detector = {
  name: 'MacAddress',
  label: 'mac',
  anchors: [':[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}:', '-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-'],
  find: (text) => findPattern(text, pattern, (match) => !/^(?:00|ff)([:-])(?:(?:00|ff)\1){4}(?:00|ff)$/i.test(match)),
}
