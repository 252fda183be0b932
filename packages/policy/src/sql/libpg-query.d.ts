/** The WebAssembly module inside libpg-query, without the wrapper that keeps a single instance for the whole process. */
declare module 'libpg-query/wasm/libpg-query.js' {
  export interface LibPgQuery {
    readonly HEAPU8: Uint8Array
    _malloc(bytes: number): number
    _free(pointer: number): void
    _wasm_parse_query_raw(query: number): number
    _wasm_free_parse_result(result: number): void
    _wasm_normalize_query(query: number): number
    _wasm_free_string(text: number): void
    lengthBytesUTF8(text: string): number
    stringToUTF8(text: string, pointer: number, bytes: number): void
    UTF8ToString(pointer: number): string
    getValue(pointer: number, type: 'i32'): number
  }

  export interface LibPgQueryOptions {
    instantiateWasm(imports: object, receive: (instance: object) => unknown): unknown
    print(line: string): void
    printErr(line: string): void
  }

  const create: (options: LibPgQueryOptions) => Promise<LibPgQuery>
  export default create
}
