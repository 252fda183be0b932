import { createBodyMasker, type Mask, type Tally } from '@chaperone/mask'

/**
 * Masks the text of a message. A WebSocket declares no content type, so JSON is told by its looks: alone, behind the words
 * that Socket.IO puts before it, or in the records of SignalR, which end with U+001E. Other text is searched as text.
 */
export function maskMessage(text: string, mask: Mask, tally: Tally): string {
  return text
    .split('\u001e')
    .map((record) => maskRecord(record, mask, tally))
    .join('\u001e')
}

function maskRecord(record: string, mask: Mask, tally: Tally): string {
  const start = isJson(record) ? 0 : record.search(/[[{]/)
  const json = record.slice(Math.max(0, start))
  if (start === -1 || !isJson(json)) return mask.text(record, tally)
  const masker = createBodyMasker(mask, 'application/json')
  const masked = Buffer.concat([masker.push(Buffer.from(json)), masker.end()]).toString('utf8')
  tally.include(masker.findings)
  return mask.text(record.slice(0, start), tally) + masked
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
