import { describe, expect, test } from '@jest/globals'
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

  test.each([
    '00000004',
    '00010000 00030000',
    '00000008 00020000',
    '0000000c 00030000 61006100',
    '0000000c 04d2162f 00000000',
    '0000000c 04d21630 00000000',
    '0000000c 04d2162e 00000007',
  ])('%s is refused', (bytes) => {
    expect(() => postgres.decodeStartup(Buffer.concat([hex(bytes), Buffer.alloc(4)]))).toThrow(WireError)
  })
})

describe('messages', () => {
  test('a Query is these bytes', () => {
    expect(postgres.encodeQuery('select 1').toString('hex')).toBe('510000000d73656c656374203100')
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

  test.each([
    ['a Query with bytes behind its SQL', 'Q', '73656c656374203100 64726f70 00', postgres.decodeQuerySql],
    ['a Query that is no UTF-8', 'Q', '73656c6563742027bf5c2700', postgres.decodeQuerySql],
    ['a Parse with bytes behind its fields', 'P', '00 00 0000 00', postgres.decodeParse],
    [
      'a Bind with format codes for other values',
      'B',
      '00 00 0002 0000 0001 0001 00000001 31 0000',
      postgres.decodeBind,
    ],
    ['a Bind with an unknown format code', 'B', '00 00 0001 0002 0000 0000', postgres.decodeBind],
    ['a Bind with bytes behind its fields', 'B', '00 00 0000 0000 0000 00', postgres.decodeBind],
    ['an Execute without a row count', 'E', '00', postgres.decodeExecutePortal],
    ['a Describe of neither statement nor portal', 'D', '51 00', postgres.decodeTarget],
    ['a DataRow with bytes behind its values', 'D', '0001 00000001 31 00', postgres.decodeDataRow],
    ['a DataRow with a negative length', 'D', '0001 fffffffe', postgres.decodeDataRow],
    ['a RowDescription with bytes behind its columns', 'T', '0000 00', postgres.decodeRowDescription],
    ['a cancel key of three bytes', 'K', '00000001 010203', postgres.decodeBackendKey],
    ['a transaction state of its own', 'Z', '58', postgres.decodeReadyForQuery],
  ])('%s is refused', (_name, type, body, decode) => {
    const [message] = frames(postgres.frame(type, hex(body)))
    expect(() => decode(message!)).toThrow(WireError)
  })

  test('text for people may hold bytes of another encoding', () => {
    const [message] = frames(postgres.frame('E', hex('4d e9 00 00')))
    expect(postgres.decodeFields(message!)).toEqual(new Map([['M', '\ufffd']]))
  })

  test('NegotiateProtocolVersion names the version and the options that are unknown', () => {
    expect(postgres.encodeNegotiateProtocolVersion(0, ['_pq_.x']).toString('hex')).toBe(
      '76' + '00000013' + '00030000' + '00000001' + '5f70715f2e7800',
    )
  })
})
