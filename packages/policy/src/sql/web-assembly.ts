interface WebAssemblyInstance {
  readonly exports: Readonly<Record<string, unknown>>
}

interface WebAssemblyApi {
  compile(bytes: Uint8Array): Promise<object>
  readonly Instance: new (module: object, imports: object) => WebAssemblyInstance
  readonly Memory: new (descriptor: { initial: number }) => { grow(pages: number): number }
}

/** The part of WebAssembly that is used here; TypeScript declares it only for browsers. */
export const webAssembly: WebAssemblyApi = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly
