// What clients fetch from, in one HTTPS server: an API, and registries with the package "tiny" of each ecosystem. The first segment of a
// path names the client under test; the rest is as its registry lays it out. Prints a line for every request.
import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { cpSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:https'
import { join, normalize } from 'node:path'
import { URL } from 'node:url'

const packages = '/srv/packages'
// Clients push to it.
const gitRoot = '/tmp/git'
cpSync(`${packages}/git`, gitRoot, { recursive: true })

/** Answers that name the host that was asked, by the path below the client's name. */
const dynamic = {
  '/empty.json': () => ({}),
  '/customer': () => ({ customer: 'ada@customer.example' }),
  '/npm/tiny': (base) => ({
    name: 'tiny',
    'dist-tags': { latest: '1.0.0' },
    versions: { '1.0.0': { name: 'tiny', version: '1.0.0', dist: npmDist(`${base}/npm/tiny/tiny-1.0.0.tgz`) } },
  }),
  '/cargo/config.json': (base) => ({ dl: `${base}/cargo/{crate}-{version}.crate` }),
  '/composer/packages.json': (base) => ({
    packages: {
      'example/tiny': {
        '1.0.0': {
          name: 'example/tiny',
          version: '1.0.0',
          dist: { type: 'zip', url: `${base}/composer/tiny.zip` },
        },
      },
    },
  }),
}

function npmDist(tarball) {
  const bytes = readFileSync(`${packages}/npm/tiny/tiny-1.0.0.tgz`)
  const hash = (name, encoding) => createHash(name).update(bytes).digest(encoding)
  return { tarball, shasum: hash('sha1', 'hex'), integrity: `sha512-${hash('sha512', 'base64')}` }
}

function answer(request, response) {
  const [, client, rest] = /^\/([^/]+)(\/[^?]*)/.exec(request.url) ?? []
  console.log(
    JSON.stringify({ method: request.method, client, path: rest, agent: request.headers['user-agent'] ?? '' }),
  )
  if (rest === undefined) return void response.writeHead(404).end()
  if (rest.startsWith('/git/')) return git(request, response, client)
  if (rest === '/upload') return upload(request, response)
  if (rest === '/digits') return digits(request, response)
  const make = dynamic[rest]
  if (make !== undefined) {
    response.setHeader('content-type', 'application/json')
    return void response.end(JSON.stringify(make(`https://${request.headers.host}/${client}`)))
  }
  file(normalize(rest), response)
}

function file(path, response) {
  let name = join(packages, path)
  try {
    if (statSync(name).isDirectory()) name = join(name, 'index.html')
    const bytes = readFileSync(name)
    response.setHeader('content-type', name.endsWith('.html') ? 'text/html' : 'application/octet-stream')
    response.end(bytes)
  } catch {
    response.writeHead(404).end()
  }
}

function upload(request, response) {
  let bytes = 0
  request.on('data', (chunk) => (bytes += chunk.length))
  request.on('end', () => response.end(String(bytes)))
}

/** Ten digits, or a range of them (RFC 9110 §14). */
function digits(request, response) {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  if (first === undefined) return void response.end('0123456789')
  const end = last === '' ? 9 : Number(last)
  response.writeHead(206, { 'content-range': `bytes ${first}-${end}/10` })
  response.end('0123456789'.slice(Number(first), end + 1))
}

/** git's own server side, by CGI (RFC 3875). */
function git(request, response, client) {
  const url = new URL(request.url, 'https://origin')
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: gitRoot,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname.slice(`/${client}/git`.length),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: request.headers['git-protocol'] ?? '',
      REMOTE_ADDR: request.socket.remoteAddress,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  request.pipe(child.stdin)
  let head = Buffer.alloc(0)
  const onData = (chunk) => {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    child.stdout.off('data', onData)
    let status = 200
    for (const line of head.subarray(0, end).toString().split('\r\n')) {
      const [, name, value] = /^([^:]+): *(.*)$/.exec(line)
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10)
      else response.setHeader(name, value)
    }
    response.writeHead(status)
    response.write(head.subarray(end + 4))
    child.stdout.pipe(response)
  }
  child.stdout.on('data', onData)
}

createServer({ key: readFileSync('/tls/tls.key'), cert: readFileSync('/tls/tls.crt') }, answer).listen(8443)
