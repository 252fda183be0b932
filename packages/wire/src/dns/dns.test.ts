import { describe, expect, test } from '@jest/globals'
import { cutsOf, mutationsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { WireError } from '../errors.ts'
import {
  createTcpFrames,
  decodeQuery,
  encodeAddresses,
  encodeFailure,
  encodeFormatError,
  frameForTcp,
  responseCode,
} from './index.ts'

/** As `dig A ExAmPle.com` sends it: RD, EDNS with a 1232-byte buffer. */
const golden = Buffer.from(
  '1a2b0120000100000000000107457841 6d506c6503636f6d000001000100002904d0000000000000'.replaceAll(' ', ''),
  'hex',
)
const plain = Buffer.from('00070100000100000000000001610162000001000 1'.replaceAll(' ', ''), 'hex')

describe('DNS', () => {
  test('a real query is decoded, its name in lower case', () => {
    expect(decodeQuery(golden)).toMatchObject({
      id: 0x1a2b,
      recursionDesired: true,
      name: 'example.com',
      type: 1,
      class: 1,
      edns: true,
    })
  })

  test('an answer echoes the question as it was asked and points to it', () => {
    const answer = encodeAddresses(decodeQuery(golden), [Buffer.from([240, 240, 0, 1])], 30)
    expect(answer.toString('hex')).toBe(
      '1a2b8180000100010000000107457841' +
        '6d506c6503636f6d0000010001' +
        'c00c000100010000001e0004f0f00001' +
        '00002904d0000000000000',
    )
  })

  test('a refusal has no answer, and none gets an OPT record who sent none', () => {
    expect(encodeFailure(decodeQuery(plain), responseCode.nameError).toString('hex')).toBe(
      '0007818300010000000000000161016200' + '00010001',
    )
    expect(encodeFormatError(7).toString('hex')).toBe('000780010000000000000000')
  })

  test.each([
    ['a response', '00078100000100000000000001610000010001'],
    ['another opcode', '00071100000100000000000001610000010001'],
    ['two questions', '000701000002000000000000016100000100010162000001000 1'],
    ['a compression pointer in a question', '000701000001000000000000c00c00010001'],
    ['a label that is too long', `00070100000100000000000040${'61'.repeat(64)}0000010001`],
    ['bytes after the end', '0007010000010000000000000161000001000100'],
    ['a name with a control byte', '00070100000100000000000001010000010001'],
    ['a cut question', '000701000001000000000000016100'],
  ])('%s is refused', (_name, hex) => {
    expect(() => decodeQuery(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(WireError)
  })

  test('a name beyond 255 bytes is refused', () => {
    const label = `3f${'61'.repeat(63)}`
    expect(() => decodeQuery(Buffer.from(`000701000001000000000000${label.repeat(4)}0000010001`, 'hex'))).toThrow(
      WireError,
    )
  })

  test('only WireError escapes on mutated queries', () => {
    fc.assert(
      fc.property(mutationsOf(golden), (bytes) => {
        try {
          decodeQuery(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('a TCP stream gives the same messages however it is cut', () => {
    const stream = Buffer.concat([frameForTcp(golden), frameForTcp(plain)])
    fc.assert(
      fc.property(cutsOf(stream), (chunks) => {
        const frames = createTcpFrames()
        expect(chunks.flatMap((chunk) => frames.push(chunk)).map((message) => message.toString('hex'))).toEqual([
          golden.toString('hex'),
          plain.toString('hex'),
        ])
      }),
    )
  })
})
