import type { Protocol } from '@chaperone/core'
import type { ClientConnection, Engine } from './engine/engine.ts'
import { createHttpDriver } from './http/driver.ts'
import { createPostgresDriver } from './postgres/driver.ts'
import { createPassthroughDriver } from './passthrough/driver.ts'
import type { TlsTerminator } from './tls/tls-terminator.ts'

/** What a driver is told of a TLS ClientHello that was sniffed; the bytes are back in the socket. */
export interface SniffedHello {
  readonly serverName?: string
  readonly alpnProtocols: readonly string[]
}

/** One application protocol on the data path. `hello` is present when the client opens with TLS. */
export interface Driver {
  /** Takes the connection over, to its end. */
  serve(connection: ClientConnection, hello?: SniffedHello): void
  /** Lets exchanges in progress finish for `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>
}

export type Drivers = Readonly<Partial<Record<Protocol, Driver>>>

/** A new protocol is a folder and a line here. */
const table: Readonly<Partial<Record<Protocol, (engine: Engine, tls: TlsTerminator) => Driver>>> = {
  HTTP: createHttpDriver,
  Postgres: createPostgresDriver,
  TLS: createPassthroughDriver,
}

export function createDrivers(engine: Engine, tls: TlsTerminator): Drivers {
  return Object.fromEntries(Object.entries(table).map(([protocol, create]) => [protocol, create(engine, tls)]))
}
