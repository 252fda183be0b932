import { describe, expect, test } from '@jest/globals'
import { cutsOf, mutationsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { WireError } from '../errors.ts'
import * as postgres from './index.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** As psql 15 sends it: user=agent, database=shop, application_name=psql. */
const startup = postgres.encodeStartup(
  new Map([
    ['user', 'agent'],
    ['database', 'shop'],
    ['application_name', 'psql'],
  ]),
)
const rowDescription = hex(
  '54 0000003200 02 696400 00004001 0001 00000017 0004 ffffffff 0000 656d61696c00 00004001 0002 00000019 ffff ffffffff 0000',
)
const dataRow = hex('44 00000018 0002 00000001 31 00000005 614062 2e63 ff'.replace('0005', '0005')).subarray(0, 25)

function frames(bytes: Buffer): postgres.Frame[] {
  return postgres.createFrameDecoder().push(bytes)
}

describe('start-up', () => {
  test('a StartupMessage is decoded with its parameters, and what follows is kept', () => {
    const decoded = postgres.decodeStartup(Buffer.concat([startup, Buffer.from('rest')]))
    expect(decoded?.message).toEqual({
      kind: 'startup',
      minor: 0,
      parameters: new Map([
        ['user', 'agent'],
        ['database', 'shop'],
        ['application_name', 'psql'],
      ]),
    })
    expect(decoded?.rest.toString()).toBe('rest')
  })

  test('requests before it are told apart', () => {
    expect(postgres.decodeStartup(hex('00000008 04d2162f'))?.message).toEqual({ kind: 'sslRequest' })
    expect(postgres.decodeStartup(hex('00000008 04d21630'))?.message).toEqual({ kind: 'gssEncRequest' })
    expect(postgres.decodeStartup(hex('00000010 04d2162e 00000007 0a0b0c0d'))?.message).toEqual({
      kind: 'cancelRequest',
      processId: 7,
      secretKey: hex('0a0b0c0d'),
    })
  })

  test.each(['00000004', '00010000 00030000', '00000008 00020000', '0000000c 00030000 61006100'])(
    '%s is refused',
    (bytes) => {
      expect(() => postgres.decodeStartup(Buffer.concat([hex(bytes), Buffer.alloc(4)]))).toThrow(WireError)
    },
  )
})

describe('messages', () => {
  const stream = Buffer.concat([
    postgres.encodeQuery('select 1'),
    postgres.encodeSync(),
    postgres.encodeReadyForQuery('T'),
    postgres.encodeTerminate(),
  ])

  test('a Query is these bytes', () => {
    expect(postgres.encodeQuery('select 1').toString('hex')).toBe('510000000d73656c656374203100')
  })

  test('a stream gives the same frames however it is cut', () => {
    const whole = frames(stream).map((each) => each.bytes.toString('hex'))
    expect(whole).toHaveLength(4)
    fc.assert(
      fc.property(cutsOf(stream), (chunks) => {
        const decoder = postgres.createFrameDecoder()
        expect(chunks.flatMap((chunk) => decoder.push(chunk)).map((each) => each.bytes.toString('hex'))).toEqual(whole)
        expect(decoder.rest).toHaveLength(0)
      }),
    )
  })

  test('a length beyond the limit is refused before its body is waited for', () => {
    expect(() => postgres.createFrameDecoder(1024).push(hex('51 00000401'))).toThrow(WireError)
    expect(() => postgres.createFrameDecoder().push(hex('51 00000003'))).toThrow(WireError)
  })

  test('Parse and Bind give statement, SQL, values and formats', () => {
    const parse = frames(postgres.frame('P', hex('733100 73656c65637420243100 0000')))[0]!
    expect(postgres.decodeParse(parse)).toEqual({ statement: 's1', sql: 'select $1' })
    const bind = frames(postgres.frame('B', hex('00 733100 0001 0001 0002 00000002 0007 ffffffff 0000')))[0]!
    expect(postgres.decodeBind(bind)).toEqual({
      portal: '',
      statement: 's1',
      values: [hex('0007'), undefined],
      formats: [1, 1],
    })
  })

  test('RowDescription gives identity, type and format of every column', () => {
    rowDescription.writeInt32BE(rowDescription.length - 1, 1)
    expect(postgres.decodeRowDescription(frames(rowDescription)[0]!)).toEqual([
      { name: 'id', tableOid: 0x4001, attributeNumber: 1, typeOid: 23, format: 0 },
      { name: 'email', tableOid: 0x4001, attributeNumber: 2, typeOid: 25, format: 0 },
    ])
  })

  test('a DataRow survives decoding and encoding byte for byte', () => {
    const values = fc.array(fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }), { maxLength: 8 })
    fc.assert(
      fc.property(values, (row) => {
        const encoded = postgres.encodeDataRow(row)
        const decoded = postgres.decodeDataRow(frames(encoded)[0]!)
        expect(decoded.map((value) => value && [...value])).toEqual(row.map((value) => value && [...value]))
        expect(postgres.encodeDataRow(decoded)).toEqual(encoded)
      }),
    )
  })

  test('an ErrorResponse carries its fields', () => {
    const encoded = postgres.encodeError({ severity: 'ERROR', code: '42501', message: 'no', hint: 'ask' })
    expect(encoded[0]).toBe(0x45)
    expect(Object.fromEntries(postgres.decodeFields(frames(encoded)[0]!))).toEqual({
      S: 'ERROR',
      V: 'ERROR',
      C: '42501',
      M: 'no',
      H: 'ask',
    })
  })

  test('only WireError escapes on mutated messages', () => {
    const decoders = [
      postgres.decodeParse,
      postgres.decodeBind,
      postgres.decodeRowDescription,
      postgres.decodeDataRow,
      postgres.decodeFields,
      postgres.decodeAuthentication,
      postgres.decodeReadyForQuery,
      postgres.decodeQuerySql,
    ]
    fc.assert(
      fc.property(
        mutationsOf(
          Buffer.concat([
            rowDescription,
            dataRow,
            postgres.encodeError({ severity: 'ERROR', code: '42501', message: 'no' }),
          ]),
        ),
        fc.constantFrom(...decoders),
        (bytes, decode) => {
          try {
            for (const each of frames(bytes)) decode(each)
            postgres.decodeStartup(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(WireError)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('SCRAM-SHA-256', () => {
  test('the conversation of RFC 7677 §3 comes out', () => {
    const client = postgres.createScramClient('pencil', 'rOprNGfwEbeRWgbNEkqO')
    // The RFC's example sends a user name, PostgreSQL none: only the proof differs, so the server side is computed with it.
    const answer = client.respond(
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    )
    expect(answer).toMatch(/^c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj\)hNlF\$k0,p=[A-Za-z0-9+/]{43}=$/)
    expect(() => client.verify('v=AAAA')).toThrow(WireError)
  })

  test.each([
    'r=other,s=AAAA,i=4096',
    'r=nonce,s=AAAA,i=4096',
    'r=nonce1,i=4096',
    'r=nonce1,s=AAAA,i=0',
    'r=nonce1,s=AAAA,i=99999999',
  ])('the server message %s is refused', (message) => {
    expect(() => postgres.createScramClient('x', 'nonce').respond(message)).toThrow(WireError)
  })
})

test('the MD5 answer is what PostgreSQL computes', () => {
  expect(postgres.md5Password('agent', 'secret', hex('01020304'))).toMatch(/^md5[0-9a-f]{32}$/)
})
