import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { LibPgQuery } from 'libpg-query/wasm/libpg-query.js'
import { SqlUnparseableError } from '../errors.ts'
import { webAssembly } from './web-assembly.ts'

/**
 * One instance of PostgreSQL's parser. Anything thrown that is not SqlUnparseableError means that C code was left in the
 * middle of its work: the instance leaks and may misread, so it must be replaced.
 */
export interface ParserInstance {
  /** The parse tree (`ParseResult` of pg_query.proto, as JSON). */
  parse(text: string): unknown
  /** The text with constants replaced by `$1`, …; only for text that parses. */
  normalise(text: string): string
  /** Whether a large tree was made: its memory stays taken, so the instance is better replaced when there is time. */
  readonly swollen: boolean
}

/** Larger trees are refused: in memory a tree takes several times its JSON. A 500 KB bulk INSERT has 7 MiB. */
const maxTreeBytes = 8 * 1024 * 1024
/** Trees of this size make the instance keep some 10 MiB. */
const swellingTreeBytes = 1024 * 1024

/** Compiles the module once; each call of the result makes a fresh instance (12 ms). `wasm`: the bytes, if they were bundled. */
export async function compileParser(wasm?: Uint8Array): Promise<() => Promise<ParserInstance>> {
  const { default: createModule } = await import('libpg-query/wasm/libpg-query.js')
  const bytes = wasm ?? (await readFile(createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm')))
  const compiled = await webAssembly.compile(new Uint8Array(bytes))
  return async () =>
    parserInstance(
      await createModule({
        instantiateWasm: (imports, receive) => {
          const instance = new webAssembly.Instance(compiled, imports)
          forbidGrowth(instance.exports)
          return receive(instance)
        },
        print: () => undefined,
        printErr: () => undefined,
      }),
    )
}

/**
 * The module starts with 128 MiB of address space, most of it never touched. A short text can ask for far more, because
 * `SET (a, b, …) = (…)` repeats its source for each column, so growth fails as if the machine had no memory left.
 */
function forbidGrowth(exported: Readonly<Record<string, unknown>>): void {
  for (const value of Object.values(exported)) {
    if (!(value instanceof webAssembly.Memory)) continue
    value.grow = () => {
      throw new RangeError('the memory of the SQL parser does not grow')
    }
  }
}

function parserInstance(module: LibPgQuery): ParserInstance {
  const allocate = (text: string): number => {
    const bytes = module.lengthBytesUTF8(text) + 1
    const pointer = module._malloc(bytes)
    if (pointer === 0) throw new RangeError('the SQL parser is out of memory')
    module.stringToUTF8(text, pointer, bytes)
    return pointer
  }
  let swollen = false
  return {
    get swollen() {
      return swollen
    },
    parse(text) {
      const query = allocate(text)
      const result = keepingExitCode(() => module._wasm_parse_query_raw(query))
      if (result === 0) throw new RangeError('the SQL parser is out of memory')
      const tree = readTree(module, result)
      module._free(query)
      module._wasm_free_parse_result(result)
      swollen ||= tree.bytes > swellingTreeBytes
      if (tree.bytes > maxTreeBytes)
        throw new SqlUnparseableError(`a query has at most ${maxTreeBytes} bytes of parse tree`)
      // The parser's own message quotes the query, so it is not repeated.
      if (tree.json === undefined) throw new SqlUnparseableError('syntax error according to the parser of PostgreSQL')
      return JSON.parse(tree.json) as unknown
    },
    normalise(text) {
      const query = allocate(text)
      const result = keepingExitCode(() => module._wasm_normalize_query(query))
      const normalised = module.UTF8ToString(result)
      module._free(query)
      module._wasm_free_string(result)
      return normalised
    },
  }
}

/** `PgQueryParseResult { char *parse_tree; char *stderr_buffer; PgQueryError *error; }` (pg_query.h), 32-bit pointers. */
function readTree(module: LibPgQuery, result: number): { readonly bytes: number; readonly json: string | undefined } {
  if (module.getValue(result + 8, 'i32') !== 0) return { bytes: 0, json: undefined }
  const tree = module.getValue(result, 'i32')
  const bytes = module.HEAPU8.indexOf(0, tree) - tree
  return { bytes, json: bytes > maxTreeBytes ? undefined : module.UTF8ToString(tree) }
}

/** When C code calls exit(), the glue code sets the exit code of the whole process before it throws. */
function keepingExitCode<T>(call: () => T): T {
  const before = process.exitCode
  try {
    return call()
  } catch (error) {
    process.exitCode = before
    throw error
  }
}
