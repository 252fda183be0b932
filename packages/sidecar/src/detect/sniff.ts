import type { Socket } from 'node:net'
import {
  detectProtocol,
  maxHelloBytes,
  parseClientHello,
  WireError,
  type ClientHello,
  type Detected,
} from '@chaperone/wire'
import { readPrefix } from './read-prefix.ts'

/** What the first bytes of a client are. */
export type Sniffed =
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  | { readonly kind: 'plain'; readonly protocol: Exclude<Detected, 'incomplete' | 'tls' | 'unknown'> }
  | { readonly kind: 'unknown'; readonly why: string }
  /** Nothing, or too little, was said in time. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'closed' }

/** Clients of every protocol we speak begin at once; browsers that connect ahead of need come back. */
const timeoutMs = 10_000
/** A hello may be cut over several records of five more bytes each. */
const maxBytes = maxHelloBytes + 1024

/** Reads as much as it takes to know the protocol, and for TLS the whole ClientHello; all of it is put back. */
export async function sniff(socket: Socket): Promise<Sniffed> {
  try {
    const prefix = await readPrefix(socket, { maxBytes, timeoutMs, decide })
    switch (prefix.kind) {
      case 'decided':
        socket.unshift(prefix.bytes)
        return prefix.value
      case 'overlong':
        return { kind: 'unknown', why: 'the first bytes decide nothing' }
      case 'silent':
      case 'closed':
        return prefix
    }
  } catch (error) {
    if (error instanceof WireError) return { kind: 'unknown', why: error.message }
    throw error
  }
}

function decide(bytes: Buffer): Sniffed | undefined {
  const protocol = detectProtocol(bytes)
  if (protocol === 'incomplete') return undefined
  if (protocol === 'unknown') return { kind: 'unknown', why: 'no protocol that is known' }
  if (protocol !== 'tls') return { kind: 'plain', protocol }
  const result = parseClientHello(bytes)
  return result.kind === 'incomplete' ? undefined : { kind: 'tls', hello: result.hello }
}
