import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { checkpointDraft, generateSigningKey } from '../chain/checkpoint.ts'
import { firstPrevHash, type AuditDraft, type AuditRecord } from '../record/audit-record.ts'
import { createLinker } from '../record/linker.ts'
import { encodeOtlp } from '../record/otlp.ts'
import { parseExport } from './parse-export.ts'
import { verifyExport } from './verify.ts'

const resource = {
  'k8s.pod.uid': 'pod-1',
  'k8s.pod.name': 'agent',
  'k8s.namespace.name': 'agents',
  'chaperone.session.name': 'devin',
}
const key = generateSigningKey()
const link = createLinker(resource)

function chain(drafts: readonly AuditDraft[]): AuditRecord[] {
  const records: AuditRecord[] = []
  for (const draft of drafts) {
    records.push(
      link(draft, {
        seq: records.length + 1,
        time: String(1_790_000_000_000_000_000n + BigInt(records.length)),
        prevHash: records.at(-1)?.hash ?? firstPrevHash,
      }).record,
    )
  }
  return records
}

const started: AuditDraft = { kind: 'session.started', attributes: { 'chaperone.audit.public_key': key.publicKey } }
const request = (n: number): AuditDraft => ({
  kind: 'request',
  attributes: {
    'url.full': `https://api.example/${n}`,
    'http.response.status_code': 200 + n,
    ok: true,
    list: ['a', 'ü'],
  },
  body: `{"n":${n}}`,
})
const ended: AuditDraft = { kind: 'session.ended', attributes: {} }
const whole = chain([started, request(1), request(2), request(3), ended])

const lineOf = (...records: AuditRecord[]) => Buffer.from(encodeOtlp(resource, records, 'json')).toString()
const verify = (lines: string[], heads?: Map<string, { seq: number; hash: string }>) =>
  verifyExport(parseExport(lines.join('\n')), heads ? { heads } : {})
const lines = whole.map((record) => lineOf(record))

describe('verifyExport', () => {
  test('a whole chain that has ended is proven to its end', () => {
    expect(verify(lines)).toEqual([
      {
        podUid: 'pod-1',
        pod: 'agents/agent',
        session: 'devin',
        records: 5,
        first: 1,
        last: 5,
        lastHash: whole[4]!.hash,
        endProven: true,
        gaps: [],
      },
    ])
  })

  test('a gap that the chain tells of is no fault, and is reported', () => {
    const since = '2026-01-01T00:00:00.000Z'
    const until = '2026-01-01T00:01:00.000Z'
    const attributes = { 'chaperone.gap.since': since, 'chaperone.gap.until': until, 'chaperone.gap.records': 7 }
    const records = chain([started, { kind: 'audit.gap', attributes }, ended])
    expect(verify([lineOf(...records)])[0]).toMatchObject({
      endProven: true,
      gaps: [{ seq: 2, since, until, records: 7 }],
    })
  })

  test('several records in a line, and a line delivered twice, are no fault', () => {
    expect(
      verify([lineOf(whole[0]!, whole[1]!), lineOf(whole[0]!, whole[1]!), lineOf(...whole.slice(1))])[0],
    ).toMatchObject({ records: 5, endProven: true })
  })

  test('a removed line is named by the record that is missing', () => {
    expect(verify(lines.toSpliced(2, 1))[0]?.problem).toMatchObject({ kind: 'missing', seq: 3, line: 3 })
  })

  test('a removed beginning is missing too', () => {
    expect(verify(lines.slice(1))[0]?.problem).toMatchObject({ kind: 'missing', seq: 1 })
  })

  test('two swapped lines are found at the first of them', () => {
    const swapped = lines.with(1, lines[2]!).with(2, lines[1]!)
    expect(verify(swapped)[0]?.problem).toMatchObject({ kind: 'missing', seq: 2, line: 2 })
  })

  test('a cut end is not proven, and with a head from elsewhere it is named', () => {
    expect(verify(lines.slice(0, 3))[0]).toMatchObject({ last: 3, endProven: false })
    expect(verify(lines.slice(0, 3))[0]?.problem).toBeUndefined()
    expect(verify(lines.slice(0, 3), new Map([['pod-1', { seq: 4, hash: whole[3]!.hash }]]))[0]?.problem).toMatchObject(
      { kind: 'truncated', seq: 4 },
    )
  })

  test('a chain that is known but not there at all is truncated at its first record', () => {
    expect(verify(lines, new Map([['pod-2', { seq: 9, hash: 'x' }]]))[1]).toMatchObject({
      podUid: 'pod-2',
      problem: { kind: 'truncated', seq: 1 },
    })
  })

  test('any changed byte of any record is found', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: lines.length - 1 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (index, at, change) => {
          const bytes = Buffer.from(lines[index]!)
          const place = at % bytes.length
          bytes[place] = (bytes[place]! ^ change) & 0x7f
          const changed = bytes.toString()
          const report = verify(lines.with(index, changed))
          const intact =
            report.length === 1 && report[0]!.problem === undefined && report[0]!.endProven && report[0]!.records === 5
          // What no hash covers carries no evidence: severity, observed time, our own record id, the counters of OTLP, white space.
          if (intact) expect(withoutChaff(changed)).toEqual(withoutChaff(lines[index]!))
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('a checkpoint signs the record before it, and a forged one is found', () => {
    const drafts = [started, request(1)]
    const head = chain(drafts).at(-1)!
    const good = chain([...drafts, checkpointDraft(key, head), ended])
    expect(verify(good.map((record) => lineOf(record)))[0]).toMatchObject({ endProven: true })
    const forged = chain([...drafts, checkpointDraft(generateSigningKey(), head), ended])
    expect(verify(forged.map((record) => lineOf(record)))[0]?.problem).toMatchObject({
      kind: 'forged checkpoint',
      seq: 3,
    })
  })
})

/** The evidence in a line: what the hash covers, as parsed. */
function withoutChaff(line: string): unknown {
  return parseExport(line).map((entry) =>
    'broken' in entry ? entry.broken : { resource: entry.resource, record: entry.record },
  )
}

test.each([
  ['its severity', '"severityText":"INFO"', '"severityText":"WARN"'],
  ['its level', '"severityNumber":9', '"severityNumber":17'],
  ['when it was observed', /"observedTimeUnixNano":"\d+"/, '"observedTimeUnixNano":"1"'],
  ['what receivers know it by', '"pod-1/3"', '"pod-1/4"'],
])('a record that says otherwise of %s than was written is no record, though no hash covers that', (_, from, to) => {
  const changed = lines.map((line, index) => (index === 2 ? line.replace(from, to) : line))
  expect(changed[2]).not.toBe(lines[2])
  expect(JSON.stringify(verify(changed))).toContain('not as it was written')
})
