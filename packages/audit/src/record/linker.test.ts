import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { firstPrevHash, hashRecord, recordKinds, type AuditDraft } from './audit-record.ts'
import { createLinker, parseLine } from './linker.ts'

const text = fc.string({ unit: 'binary' })
const drafts: fc.Arbitrary<AuditDraft> = fc.record(
  {
    kind: fc.constantFrom(...recordKinds),
    attributes: fc.dictionary(
      fc.stringMatching(/^[a-z][a-z0-9_.]{0,20}$/),
      fc.oneof(text, fc.boolean(), fc.double(), fc.array(text), fc.constant(undefined)),
    ),
    body: text,
  },
  { requiredKeys: ['kind', 'attributes'] },
)
const resource = { 'k8s.pod.uid': 'pod-1', 'service.name': 'ünïcode "quoted"' }
const at = { seq: 7, time: '1790000000000000000', prevHash: firstPrevHash }

test('a record carries the hash that anybody computes from its canonical JSON', () => {
  const link = createLinker(resource)
  fc.assert(
    fc.property(drafts, (draft) => {
      const { record } = link(draft, at)
      expect(record.hash).toBe(hashRecord(resource, record))
    }),
  )
})

test('a line of the log gives back its record', () => {
  const link = createLinker(resource)
  fc.assert(
    fc.property(drafts, (draft) => {
      const { record, line } = link(draft, at)
      expect(parseLine(Buffer.from(line).toString('utf8'))).toEqual(record)
    }),
  )
})
