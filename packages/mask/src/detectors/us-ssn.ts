import { caseless } from '../scan/anchor-pattern.ts'
import type { Detector } from './detector.ts'

const grouped = /(?<![\d-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])/g
/** Nine digits in a row are too often something else: only beside a word that says what they are. */
const named =
  /(?:ssn|social.?security(?:.?(?:number|no|num))?)\W{0,8}(?:is )?((?!000|666|9\d\d)\d{3}(?!00)\d{2}(?!0000)\d{4})(?!\d)/gi
const name = /ssn|social.?security/i

/** Social security numbers; area, group and serial that were never issued are left alone (SSA, EM-10025). */
export const usSsn: Detector = {
  name: 'UsSsn',
  label: 'ssn',
  anchors: [String.raw`\d{3}[ -]\d{2}[ -]\d{4}`, caseless('ssn'), caseless('social')],
  find(text) {
    const spans = [...text.matchAll(grouped)].map(({ index, 0: match }) => ({
      start: index,
      end: index + match.length,
    }))
    for (const { index, 0: match, 1: digits = '' } of text.matchAll(named))
      spans.push({ start: index + match.length - digits.length, end: index + match.length })
    return spans.sort((a, b) => a.start - b.start)
  },
  named: (member, value) => name.test(member) && /^(?!000|666|9\d\d)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(value),
}
