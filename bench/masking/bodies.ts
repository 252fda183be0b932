import { createHash } from 'node:crypto'

/** Bodies as agents meet them, made up; the same for every run. */
export interface Body {
  readonly name: string
  readonly contentType: string
  readonly bytes: Buffer
}

const words =
  'order shipped the customer asked whether delivery could be moved to next week because nobody will be at home until then'.split(
    ' ',
  )
const sentence = (seed: number, length: number): string =>
  Array.from({ length }, (_, index) => words[(seed * 7 + index * 5) % words.length]).join(' ')
const number = (seed: number, below: number): number => (seed * 2_654_435_761) % below

const uuid = (seed: number): string =>
  createHash('sha256')
    .update(String(seed))
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, '$1-$2-$3-$4-$5')

/** What an API lists: ids, times, amounts, prose; `personal` of a hundred have contact data. */
function record(seed: number, personal: number): object {
  return {
    id: `ord_${number(seed, 1e9).toString(36)}`,
    uuid: uuid(seed),
    created: 1_700_000_000 + seed * 37,
    created_at: `2026-0${1 + (seed % 9)}-1${seed % 10}T10:3${seed % 6}:0${seed % 10}Z`,
    status: words[seed % words.length],
    amount: number(seed, 100_000) / 100,
    currency: 'EUR',
    url: `https://api.example.com/v1/orders/${seed}/items?limit=20`,
    note: sentence(seed, 24),
    tags: [words[seed % 7], words[seed % 11]],
    paid: seed % 2 === 0,
    discount: null,
    lines: [
      { sku: `SKU-${1000 + (seed % 500)}`, quantity: 1 + (seed % 3), price: 12.5 },
      { sku: `SKU-${2000 + (seed % 500)}`, quantity: 2, price: 7.25 },
    ],
    ...(seed % 100 < personal ? { email: `person${seed}@example.com`, phone: `+49 30 ${1_000_000 + seed}` } : {}),
  }
}

function json(size: number, personal: number, indent?: number): Buffer {
  const records: object[] = []
  const each = JSON.stringify(record(1, personal), null, indent).length + 2
  for (let seed = 0; seed * each < size; seed++) records.push(record(seed, personal))
  return Buffer.from(JSON.stringify({ object: 'list', data: records }, null, indent))
}

const MB = 1024 * 1024

export const bodies: readonly Body[] = [
  { name: '1 MB JSON, no personal data', contentType: 'application/json', bytes: json(MB, 0) },
  { name: '1 MB JSON, 1 record in 10 personal', contentType: 'application/json', bytes: json(MB, 10) },
  { name: '1 MB JSON, every record personal', contentType: 'application/json', bytes: json(MB, 100) },
  { name: '1 MB JSON, indented, 1 in 10', contentType: 'application/json', bytes: json(MB, 10, 2) },
  { name: '10 KB JSON, 1 in 10', contentType: 'application/json', bytes: json(10 * 1024, 10) },
  {
    name: '1 MB text, a line in 100 personal',
    contentType: 'text/plain',
    bytes: Buffer.from(
      Array.from(
        { length: 9_000 },
        (_, seed) => `10:3${seed % 6} ${sentence(seed, 18)}${seed % 100 === 0 ? ` person${seed}@example.com` : ''}`,
      ).join('\n'),
    ),
  },
]
