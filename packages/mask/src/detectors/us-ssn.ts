import { findPattern, type Detector } from './detector.ts'

const pattern = /(?<![\d-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])/g

/** Social security numbers in groups; area, group and serial that were never issued are left alone (SSA, EM-10025). */
export const usSsn: Detector = {
  name: 'UsSsn',
  label: 'ssn',
  anchor: String.raw`\d{3}[- ]\d{2}`,
  find: (text) => findPattern(text, pattern, () => true),
}
