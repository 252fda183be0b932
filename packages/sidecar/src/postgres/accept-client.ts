import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { postgres } from '@chaperone/wire'
import type { TlsTerminator } from '../tls/tls-terminator.ts'

/** How a client opened: with a session, or with a request to cancel another's. */
export type Opening =
  | {
      readonly kind: 'session'
      readonly client: Duplex
      readonly parameters: ReadonlyMap<string, string>
      readonly rest: Buffer
    }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secretKey: Buffer }

/** TLS is asked for once, and GSS encryption once (docs ch. 55.2.10). */
const maxNegotiations = 3

/** Start-up of the agent's side: TLS with our leaf when asked for, no GSS encryption, then the parameters. */
export async function acceptClient(socket: Socket, host: string, tls: TlsTerminator): Promise<Opening | undefined> {
  let client: Duplex = socket
  for (let round = 0; round < maxNegotiations; round++) {
    const opening = await readStartup(client)
    if (opening === undefined) return undefined
    const { message, rest } = opening
    switch (message.kind) {
      case 'gssEncRequest':
        client.write('N')
        break
      case 'sslRequest':
        if (client instanceof TLSSocket || rest.length > 0) return undefined
        client.write('S')
        client = await secure(socket, host, tls)
        break
      case 'cancelRequest':
        return { kind: 'cancel', processId: message.processId, secretKey: message.secretKey }
      case 'startup':
        return { kind: 'session', client, parameters: message.parameters, rest }
    }
  }
  return undefined
}

async function readStartup(stream: Duplex): Promise<ReturnType<typeof postgres.decodeStartup>> {
  let bytes = Buffer.alloc(0)
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk])
    const decoded = postgres.decodeStartup(bytes)
    if (decoded !== undefined) return decoded
  }
  return undefined
}

async function secure(socket: Socket, host: string, tls: TlsTerminator): Promise<TLSSocket> {
  const secureContext = await tls.contextFor(host)
  const client = new TLSSocket(socket, { isServer: true, secureContext })
  await new Promise<void>((resolve, reject) => {
    client
      .once('secure', resolve)
      .once('error', reject)
      .once('close', () => reject(new Error('client closed during TLS')))
  })
  client.on('error', () => client.destroy())
  return client
}
