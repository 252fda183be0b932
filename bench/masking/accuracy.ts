/* Precision and recall of each detector on labelled data that is made up here: half values in context, half lookalikes. */
import { detectorNames } from '../../packages/api/src/index.ts'
import { compileMask, createTally } from '../../packages/mask/src/index.ts'
import { labelledSamples } from './labelled.ts'

const samples = labelledSamples()
const percent = (part: number, whole: number): string =>
  (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`).padStart(10)

process.stdout.write('detector            precision     recall   missed, false alarms\n')
for (const detector of detectorNames) {
  const mask = compileMask(
    [{ name: 'one', detect: [detector], fields: [], columns: [], replace: { strategy: 'Redact' } }],
    new Uint8Array(32),
  )
  if (mask === undefined) throw new Error('no mask')
  const counts = { found: 0, missed: 0, alarms: 0 }
  const wrong: string[] = []
  for (const { text, value } of samples.filter((sample) => sample.detector === detector)) {
    const masked = mask.text(text, createTally())
    // Whole and nothing else: a part that is left, or more than the value that is gone, counts as missed.
    if (value !== undefined && masked === text.replace(value, () => `[REDACTED:${detector}]`)) counts.found++
    else if (value !== undefined) counts.missed++
    else if (masked !== text) counts.alarms++
    else continue
    if (value === undefined || !masked.startsWith(text.slice(0, text.indexOf(value)) + '[')) wrong.push(text)
  }
  const { found, missed, alarms } = counts
  process.stdout.write(
    `${detector.padEnd(18)} ${percent(found, found + alarms)} ${percent(found, found + missed)}   ${missed}, ${alarms}\n`,
  )
  if (process.argv.includes('--show'))
    for (const text of wrong.slice(0, 6)) process.stdout.write(`    ${JSON.stringify(text)}\n`)
}
