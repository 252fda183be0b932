import { closeSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { accepting, freePort, start, type Running } from './process.ts'
import { host, type Workspace } from './workspace.ts'

export interface Origin {
  readonly port: number
  readonly running: Running
}

/** The same files twice: rules of a session mask what lies under `/masked`. */
const prefixes = ['plain', 'masked']

/** nginx with TLS on the load core; one process, so that it ends by its id. */
export async function startOrigin(workspace: Workspace): Promise<Origin> {
  const directory = workspace.folder('origin')
  const { key, certificate } = await workspace.certificate(host)
  const port = await freePort()
  const files = workspace.folder('origin/plain')
  writeFileSync(join(files, 'item.json'), itemJson())
  symlinkSync(files, join(directory, 'masked'))
  const config = join(directory, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; master_process off; pid ${directory}/nginx.pid; error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; sendfile on; tcp_nopush on;
  open_file_cache max=16; types { application/json json; text/plain txt; application/octet-stream bin; }
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
  server {
    listen 127.0.0.1:${port} ssl backlog=1024; root ${directory};
    ssl_certificate ${certificate}; ssl_certificate_key ${key}; ssl_protocols TLSv1.2 TLSv1.3;
  }
}
`,
  )
  const running = start('nginx', ['-c', config, '-e', 'stderr'], { core: 'load' })
  await accepting(port)
  return { port, running }
}

/** `count` lines of a log, an address to mask in every eighth. */
export function writeLog(workspace: Workspace, megabytes: number): void {
  const lines = Array.from({ length: 4096 }, (_, at) => {
    const who = at % 8 === 0 ? `user${at}@customer.example` : `user-${at}`
    return `2026-11-23T10:${String(at % 60).padStart(2, '0')}:00Z info request served path=/v1/orders/${at * 7919} who=${who} status=200\n`
  }).join('')
  const block = Buffer.from(lines)
  const wanted = megabytes * 1024 * 1024
  for (const name of ['log.txt', 'log.bin']) {
    const file = openSync(join(workspace.folder('origin/plain'), name), 'w')
    for (let written = 0; written < wanted; written += block.length)
      writeSync(file, block, 0, Math.min(block.length, wanted - written))
    closeSync(file)
  }
}

export const paths = (file: string) => ({
  plain: `/${prefixes[0] ?? ''}/${file}`,
  masked: `/${prefixes[1] ?? ''}/${file}`,
})

/** 1 KiB with two things to mask. */
function itemJson(): string {
  const item = {
    id: 'ord_20261123_000417',
    customer: { name: 'Ada Example', email: 'ada@customer.example', tier: 'gold' },
    payment: { method: 'card', number: '4111 1111 1111 1111', currency: 'EUR', total: 129.95 },
    lines: Array.from({ length: 6 }, (_, at) => ({
      sku: `SKU-${1000 + at}`,
      quantity: at + 1,
      price: 9.95 + at,
      title: 'Blue widget, medium',
    })),
    note: '',
  }
  const missing = 1024 - Buffer.byteLength(JSON.stringify(item))
  return JSON.stringify({ ...item, note: 'leave at the door. '.repeat(60).slice(0, missing) })
}
