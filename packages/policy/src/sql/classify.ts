import type { SqlStatement } from '@chaperone/core'
import { SqlUnparseableError } from '../errors.ts'
import { classifyStatement } from './classify-statement.ts'
import type { Node } from './parse-tree.ts'
import { compileParser, type ParserInstance } from './parser-instance.ts'
import { scanCost } from './scan-cost.ts'

/** A query longer than this is not judged, and so not passed. Bulk inserts with 65,535 binds stay below. */
export const maxSqlCharacters: number = 1024 * 1024
/** Statements of one query; each is judged on its own. */
export const maxSqlStatements = 1000
/** Characters that the scanner may read again (see `scanCost`); about 50 ms. */
const maxScanCost = 20_000_000

export interface SqlClassifier {
  /**
   * What each statement of `text` does; none for an empty query. Throws SqlUnparseableError for anything that PostgreSQL's
   * parser refuses or that is beyond the limits.
   */
  classify(text: string): readonly SqlStatement[]
  /** The text with constants replaced by `$1`, …, empty when it cannot be parsed. For people, never for judgement. */
  normalise(text: string): string
}

/**
 * Loads PostgreSQL's own parser (libpg-query, WebAssembly), which reads text as a server does that has
 * `standard_conforming_strings = on` and speaks UTF-8. A bundle that carries the module passes its bytes as `wasm`.
 */
export async function loadSqlParser(wasm?: Uint8Array): Promise<SqlClassifier> {
  const parser = restartingParser(await compileParser(wasm))
  await parser.start()
  return {
    classify(text) {
      refuseBeforeParsing(text)
      // The parser has no word for nothing; drivers send it to probe a connection.
      return text === '' ? [] : statementsOf(parser.run((instance) => instance.parse(text))).map(classifyStatement)
    },
    normalise(text) {
      try {
        refuseBeforeParsing(text)
        return parser.run((instance) => {
          // Of text that does not parse, the normaliser returns the parser's message, which quotes it.
          instance.parse(text)
          return instance.normalise(text)
        })
      } catch (error) {
        if (error instanceof SqlUnparseableError) return ''
        throw error
      }
    },
  }
}

function refuseBeforeParsing(text: string): void {
  if (text.length > maxSqlCharacters)
    throw new SqlUnparseableError(`a query has at most ${maxSqlCharacters} characters`)
  if (text.includes('\0')) throw new SqlUnparseableError('a query has no NUL characters')
  if (!text.isWellFormed()) throw new SqlUnparseableError('a query is well-formed Unicode')
  if (scanCost(text) > maxScanCost)
    throw new SqlUnparseableError('a query has no long runs of operator characters or nested comments')
}

function statementsOf(tree: unknown): Node[] {
  const { stmts = [] } = tree as { stmts?: readonly { stmt?: Node }[] }
  if (stmts.length > maxSqlStatements)
    throw new SqlUnparseableError(`a query has at most ${maxSqlStatements} statements`)
  return stmts.map(({ stmt }) => {
    if (stmt === undefined) throw new SqlUnparseableError('every statement of a query has a parse tree')
    return stmt
  })
}

interface RestartingParser {
  start(): Promise<void>
  run<T>(work: (instance: ParserInstance) => T): T
}

/**
 * Replaces the instance after a crash: until the next one is up, some milliseconds later, every query is refused. A swollen
 * one serves until then.
 */
function restartingParser(create: () => Promise<ParserInstance>): RestartingParser {
  let instance: ParserInstance | undefined
  let starting: Promise<void> | undefined
  const start = (): Promise<void> =>
    (starting ??= create()
      .then((created) => {
        instance = created
      })
      .finally(() => {
        starting = undefined
      }))
  const restart = (): void => {
    // A failed start is tried again by the next query.
    start().catch(() => undefined)
  }
  return {
    start,
    run(work) {
      if (instance === undefined) {
        restart()
        throw new SqlUnparseableError('the SQL parser is starting again; retry in a second')
      }
      try {
        const result = work(instance)
        if (instance.swollen) restart()
        return result
      } catch (error) {
        const refused = error instanceof SqlUnparseableError
        if (!refused) instance = undefined
        if (instance?.swollen !== false) restart()
        if (refused) throw error
        throw new SqlUnparseableError('a query is too deeply nested or too large for the parser of PostgreSQL')
      }
    },
  }
}
