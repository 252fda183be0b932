import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { cutsOf, mutationsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { WireError } from '../errors.ts'
import * as postgres from './index.ts'

/** Recorded between psql 15 or pgbench 15 and PostgreSQL 15.18, without TLS. */
function capture(name: string): Buffer {
  const hex = readFileSync(new URL(`../testdata/${name}.hex`, import.meta.url), 'utf8')
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
}

function clientSide(name: string): { parameters: ReadonlyMap<string, string>; frames: postgres.Frame[] } {
  const startup = postgres.decodeStartup(capture(name))
  if (startup?.message.kind !== 'startup') throw new Error('expected a start-up')
  return { parameters: startup.message.parameters, frames: framesOf(startup.rest) }
}

const framesOf = (bytes: Buffer): postgres.Frame[] => postgres.createFrameDecoder().push(bytes)
const typesOf = (frames: readonly postgres.Frame[]): string => frames.map(({ type }) => type).join('')
const only = (frames: readonly postgres.Frame[], type: string): postgres.Frame[] =>
  frames.filter((each) => each.type === type)

describe('psql, logged in by SCRAM-SHA-256', () => {
  const client = clientSide('psql-scram-client')
  const server = framesOf(capture('psql-scram-server'))

  test('every message is told apart', () => {
    expect(typesOf(client.frames)).toBe('ppQQQX')
    expect(typesOf(server)).toBe(`RRRR${'S'.repeat(13)}KZTDDCZEZHddcCZ`)
  })

  test('the same login comes out of our client', () => {
    const [mechanisms, first, final, ok] = only(server, 'R').map((each) => postgres.decodeAuthentication(each))
    expect(postgres.decodeMechanisms(mechanisms!.data)).toEqual(['SCRAM-SHA-256'])
    const scram = postgres.createScramClient({
      password: 'pencil',
      nonce: 'ldYVHW/iEWsr6Po+MG9v4fVI',
      binding: 'unsupported',
    })
    expect(postgres.encodeSaslInitial('SCRAM-SHA-256', scram.first)).toEqual(client.frames[0]?.bytes)
    expect(postgres.encodeSaslResponse(scram.respond(first!.data.toString()))).toEqual(client.frames[1]?.bytes)
    scram.verify(final!.data.toString())
    expect(ok?.kind).toBe(postgres.authentication.ok)
    expect(postgres.encodeAuthenticationOk()).toEqual(only(server, 'R')[3]?.bytes)
  })

  test('its start-up and its queries are encoded to the very bytes', () => {
    expect(capture('psql-scram-client').subarray(0, 60)).toEqual(postgres.encodeStartup(client.parameters))
    const queries = only(client.frames, 'Q')
    expect(queries.map(postgres.decodeQuerySql)).toEqual([
      'select id, email as e, 1+1 from customers',
      'select nope',
      'copy customers to stdout',
    ])
    for (const query of queries) expect(postgres.encodeQuery(postgres.decodeQuerySql(query))).toEqual(query.bytes)
  })

  test('columns keep their identity under an alias; an expression has none', () => {
    expect(postgres.decodeRowDescription(only(server, 'T')[0]!)).toEqual([
      { name: 'id', tableOid: 0x4002, attributeNumber: 1, typeOid: 23, format: 0 },
      { name: 'e', tableOid: 0x4002, attributeNumber: 2, typeOid: 25, format: 0 },
      { name: '?column?', tableOid: 0, attributeNumber: 0, typeOid: 23, format: 0 },
    ])
  })

  test('rows, the cancel key, transaction states and errors are decoded and encoded to the very bytes', () => {
    const rows = only(server, 'D')
    expect(rows.map((row) => postgres.decodeDataRow(row).map((value) => value?.toString()))).toEqual([
      ['1', 'ada@example.com', '2'],
      ['2', undefined, '2'],
    ])
    for (const row of rows) expect(postgres.encodeDataRow(postgres.decodeDataRow(row))).toEqual(row.bytes)
    const key = only(server, 'K')[0]!
    const { processId, secretKey } = postgres.decodeBackendKey(key)
    expect(postgres.encodeBackendKey(processId, secretKey)).toEqual(key.bytes)
    for (const ready of only(server, 'Z'))
      expect(postgres.encodeReadyForQuery(postgres.decodeReadyForQuery(ready))).toEqual(ready.bytes)
    const error = only(server, 'E')[0]!
    expect(postgres.decodeFields(error).get('C')).toBe('42703')
    expect(postgres.encodeFields('E', postgres.decodeFields(error))).toEqual(error.bytes)
  })
})

test('our MD5 answer is the one that psql gives and PostgreSQL accepts', () => {
  const { frames } = clientSide('psql-md5-client')
  const [asked] = framesOf(capture('psql-md5-server'))
  const { kind, data } = postgres.decodeAuthentication(asked!)
  expect(kind).toBe(postgres.authentication.md5)
  expect(postgres.encodePassword(postgres.md5Password('md5u', 'secret', data))).toEqual(frames[0]?.bytes)
})

test('the extended protocol of pgbench is decoded', () => {
  const { frames } = clientSide('pgbench-extended-client')
  const [parse, bind, describe, execute] = frames
  expect(typesOf(frames)).toBe('PBDESX')
  expect(postgres.decodeParse(parse!)).toEqual({ statement: '', sql: 'select id from customers where id = $1;' })
  expect(postgres.decodeBind(bind!)).toEqual({ portal: '', statement: '', values: [Buffer.from('7')], formats: [0] })
  expect(postgres.decodeTarget(describe!)).toEqual({ kind: 'P', name: '' })
  expect(postgres.decodeExecutePortal(execute!)).toBe('')
  expect(typesOf(framesOf(capture('pgbench-extended-server'))).endsWith('12TCZ')).toBe(true)
})

const decoders = [
  postgres.decodeParse,
  postgres.decodeBind,
  postgres.decodeExecutePortal,
  postgres.decodeTarget,
  postgres.decodeQuerySql,
  postgres.decodeRowDescription,
  postgres.decodeDataRow,
  postgres.decodeFields,
  postgres.decodeAuthentication,
  postgres.decodeBackendKey,
  postgres.decodeReadyForQuery,
  (frame: postgres.Frame) => postgres.decodeMechanisms(frame.body),
]

describe.each(['psql-scram', 'psql-md5', 'pgbench-extended'])('%s', (name) => {
  test('the server side gives the same frames however it is cut', () => {
    const stream = capture(`${name}-server`)
    fc.assert(
      fc.property(cutsOf(stream), (chunks) => {
        const decoder = postgres.createFrameDecoder()
        const frames = chunks.flatMap((chunk) => decoder.push(chunk))
        expect(typesOf(frames)).toBe(typesOf(framesOf(stream)))
        expect(Buffer.concat(frames.map(({ bytes }) => bytes))).toEqual(stream)
      }),
    )
  })

  test('only WireError escapes on mutated bytes of either side', () => {
    const either = fc.oneof(mutationsOf(capture(`${name}-client`)), mutationsOf(capture(`${name}-server`)))
    fc.assert(
      fc.property(either, fc.constantFrom(...decoders), (bytes, decode) => {
        const attempts = [() => framesOf(postgres.decodeStartup(bytes)?.rest ?? Buffer.alloc(0)), () => framesOf(bytes)]
        for (const attempt of attempts) {
          try {
            for (const each of attempt()) decode(each)
          } catch (error) {
            expect(error).toBeInstanceOf(WireError)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
