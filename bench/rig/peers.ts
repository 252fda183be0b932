import { writeFileSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Origin } from './origin.ts'
import { accepting, freePort, start, type Running } from './process.ts'
import { host, type Workspace } from './workspace.ts'

export interface Peer {
  readonly port: number
  readonly running: Running
}

const cache =
  process.env['CHAPERONE_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'chaperone')

/** One thread, TLS on both sides, the upstream verified and its connections reused. */
export async function startHaproxy(workspace: Workspace, origin: Origin): Promise<Peer> {
  const directory = workspace.folder('haproxy')
  const { key, certificate } = await workspace.certificate(host)
  const both = join(directory, 'both.pem')
  writeFileSync(both, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
  const port = await freePort()
  const config = join(directory, 'haproxy.cfg')
  writeFileSync(
    config,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  http-reuse always
  timeout connect 10s
  timeout client 300s
  timeout server 300s
frontend agent
  bind 127.0.0.1:${port} ssl crt ${both} alpn http/1.1
  default_backend origin
backend origin
  server origin 127.0.0.1:${origin.port} ssl verify required ca-file ${workspace.authorityFile} sni str(${host}) verifyhost ${host}
`,
  )
  const running = start('haproxy', ['-db', '-q', '-f', config], { core: 'proxy' })
  await accepting(port)
  return { port, running }
}

/** As a reverse proxy, because load generators do not speak CONNECT; TLS on both sides, nothing printed. */
export async function startMitmproxy(workspace: Workspace, origin: Origin): Promise<Peer> {
  const port = await freePort()
  const running = start(
    join(cache, 'bench/mitmproxy/bin/mitmdump'),
    [
      '--quiet',
      '--mode',
      `reverse:https://127.0.0.1:${origin.port}`,
      '--listen-host',
      '127.0.0.1',
      '--listen-port',
      String(port),
      '--set',
      `confdir=${workspace.folder('mitmproxy')}`,
      '--ssl-insecure',
    ],
    { core: 'proxy' },
  )
  await accepting(port)
  return { port, running }
}
