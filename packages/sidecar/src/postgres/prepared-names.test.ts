import { describe, expect, test } from '@jest/globals'
import type { SqlVerb } from '@chaperone/core'
import { maxPrepared, maxPreparedBytes } from './limits.ts'
import { createPreparedNames } from './prepared-names.ts'

const sql = (text: string, ...verbs: SqlVerb[]) => ({ text, statements: [{ verbs, tables: [], functions: [] }] })
const long = 'a'.repeat(63)

function after(text: string): string[] {
  const names = createPreparedNames()
  const known = ['s1', 'S1', long]
  for (const name of known) names.setStatement(name, sql(name))
  names.changeBy(sql(text))?.apply()
  return known.filter((name) => names.statement(name) !== undefined)
}

describe('what SQL does to prepared statements', () => {
  test.each([
    ['deallocate s1', ['S1', long]],
    ['DEALLOCATE PREPARE S1 ;', ['S1', long]],
    ['deallocate "S1"', ['s1', long]],
    ['deallocate all', []],
    ['DISCARD ALL', []],
    ['/* */ deallocate s1', []],
    ['select 1; deallocate s1', []],
    [String.raw`deallocate U&"\0073\0031"`, []],
    // SQL cuts the name, and means the one of 63 letters.
    [`deallocate ${'a'.repeat(70)}`, []],
    ['select 1', ['s1', 'S1', long]],
  ])('%s leaves %j', (text, left) => {
    expect(after(text)).toEqual(left)
  })

  test('a cursor takes the names of all portals', () => {
    const names = createPreparedNames()
    names.setPortal('p1', { sql: sql('select 1'), binds: [] })
    names.changeBy(sql('/**/Declare p1 cursor for select 2'))?.apply()
    expect(names.portal('p1')).toBeUndefined()
  })
})

describe('what SQL does to portals', () => {
  test.each<[string, SqlVerb, boolean]>([
    ['commit', 'Transaction', false],
    ['ROLLBACK to savepoint a', 'Transaction', false],
    ['close p1', 'Set', false],
    ['do $$ begin close p1; end $$', 'Call', false],
    ['savepoint a', 'Transaction', true],
    ['begin', 'Transaction', true],
    // A column of this name, and an end that is no transaction's.
    ['select close, case when true then 1 end from stocks', 'Select', true],
  ])('%s, of the kind %s, leaves them: %s', (text, verb, left) => {
    const names = createPreparedNames()
    names.setPortal('p1', { sql: sql('select 1'), binds: [] })
    names.changeBy(sql(text, verb))?.apply()
    expect(names.portal('p1') !== undefined).toBe(left)
  })
})

describe('the limits', () => {
  test('count statements', () => {
    const names = createPreparedNames()
    for (let index = 0; index < maxPrepared; index++) names.setStatement(`s${index}`, sql(''))
    expect(names.fits([sql('')], [])).toBe(false)
    names.setStatement('s0', undefined)
    expect(names.fits([sql('')], [])).toBe(true)
  })

  test('count the bytes of texts and values, and no longer when they are gone', () => {
    const names = createPreparedNames()
    const large = { sql: sql('select $1'), binds: ['x'.repeat(maxPreparedBytes)] }
    names.setPortal('p1', large)
    expect(names.fits([sql('select 1')], [])).toBe(false)
    names.forgetPortals()
    expect(names.fits([sql('select 1')], [])).toBe(true)
  })
})
