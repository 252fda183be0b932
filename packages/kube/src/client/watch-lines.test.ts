import { describe, expect, test } from '@jest/globals'
import { cutsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { createLineSplitter } from './watch-lines.ts'

describe('the lines of a watch', () => {
  test('are the same wherever the stream is cut', () => {
    const lines = ['{"type":"ADDED"}', '{"note":"ü€😀"}', '{}']
    const bytes = Buffer.from(`\n${lines.join('\n')}\n\n{"unfinished`)
    fc.assert(
      fc.property(cutsOf(bytes), (pieces) => {
        const splitter = createLineSplitter(1000)
        expect(pieces.flatMap((piece) => splitter.push(piece))).toEqual(lines)
      }),
    )
  })

  test('are bounded, however slowly they arrive', () => {
    const splitter = createLineSplitter(10)
    expect(splitter.push(Buffer.from('0123456789\n0123'))).toEqual(['0123456789'])
    expect(() => splitter.push(Buffer.from('4567890'))).toThrow('at most 10 bytes')
    expect(() => createLineSplitter(10).push(Buffer.from('01234567890\n'))).toThrow('at most 10 bytes')
  })
})
