import { findPattern, type Detector, type Span } from './detector.ts'

/** Client secrets of Entra applications: three characters, a version digit, `Q~`. */
const clientSecret = /(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])/g
/** Keys in connection strings of Storage, Service Bus, Event Hubs and Cosmos DB: 32 or 64 bytes in base64. */
const accountKey = /(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==)/g

export const azureKey: Detector = {
  name: 'AzureKey',
  label: 'azure',
  anchors: [String.raw`\dQ~`, 'AccountKey=', 'AccessKey='],
  find(text) {
    const spans: Span[] = findPattern(text, clientSecret, () => true)
    for (const { index, 0: match, 1: key = '' } of text.matchAll(accountKey))
      spans.push({ start: index + match.length - key.length, end: index + match.length })
    return spans.sort((a, b) => a.start - b.start)
  },
}
