import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ChildProgram, startProgram } from './child-program.ts'
import { clusterProgram } from './cluster-program.ts'
import { freePorts } from './free-ports.ts'
import { createKubePki, createTokenSigningKey, type KubeCertificate, type KubePki } from './kube-pki.ts'

/**
 * A real kube-apiserver on a real etcd, on loopback, with RBAC and admission. No controller manager, scheduler or
 * kubelet: nothing collects garbage, finishes a namespace or runs a pod. Webhooks and policies are real; a webhook is
 * reached through `clientConfig.url: https://127.0.0.1:…`.
 */
export interface KubeApiserver {
  readonly url: string
  readonly port: number
  /** The authority behind the serving certificate, PEM. */
  readonly caPem: string
  /** Of a user in `system:masters`. */
  readonly kubeconfigPath: string
  /** Writes a kubeconfig for any user; `url` overrides the server, for a proxy in between. */
  kubeconfigForUser(name: string, groups?: readonly string[], options?: { readonly url?: string }): Promise<string>
  /** One request as the administrator. `body` is sent as JSON unless it is text. Rejects when the status is not 2xx. */
  request(method: string, path: string, body?: unknown, contentType?: string): Promise<unknown>
  /** One request as anybody, which may be refused. */
  attempt(call: KubeCall): Promise<KubeAnswer>
  /** Creates a namespace and its service account `default`, which the controller manager would make. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>
  /** Creates the CustomResourceDefinitions of a YAML file and resolves once they are served. */
  installCrds(path: string): Promise<void>
  /** Drops etcd's history, so that older resource versions are gone. */
  compact(): Promise<void>
  /** Ends only the API server, as a crash does, and starts it again on the same port. */
  restart(): Promise<void>
  /** Ends both programs and removes their files. */
  stop(): Promise<void>
}

export interface KubeCall {
  readonly method: string
  readonly path: string
  /** Sent as JSON unless it is text. */
  readonly body?: unknown
  readonly contentType?: string
  /** Impersonated; default: the administrator. */
  readonly as?: { readonly user: string; readonly groups?: readonly string[] }
}

export interface KubeAnswer {
  readonly status: number
  /** Of the Status object, where the answer is one. */
  readonly message: string
  readonly body: unknown
}

export interface KubeApiserverOptions {
  /** YAML files of CustomResourceDefinitions to install. */
  readonly crds?: readonly string[]
  /** Added to the command line of kube-apiserver. */
  readonly flags?: readonly string[]
}

/** A cold start takes about five seconds on two idle cores; a busy machine may need many times that. */
const startTimeoutMs = 120_000
const pollMs = 50
const startAttempts = 3

/** Starts the pair. Needs the programs of the test cluster in `$CHAPERONE_CACHE/cluster/bin` (default `~/.cache/chaperone`). */
export async function startKubeApiserver(options: KubeApiserverOptions = {}): Promise<KubeApiserver> {
  for (let attempt = 1; ; attempt += 1) {
    const directory = mkdtempSync(join(tmpdir(), 'kube-apiserver-'))
    const plane = new ControlPlane(directory, await createKubePki(directory), await freePorts(3), options.flags ?? [])
    try {
      await plane.start()
      for (const path of options.crds ?? []) await plane.installCrds(path)
      return plane
    } catch (error) {
      await plane.stop()
      // Another process may have taken a port between our finding it free and the program's binding it.
      if (attempt === startAttempts || !/address already in use/.test(String(error))) throw error
    }
  }
}

class ControlPlane implements KubeApiserver {
  readonly url: string
  readonly port: number
  readonly caPem: string
  readonly kubeconfigPath: string
  readonly #directory: string
  readonly #pki: KubePki
  readonly #etcdPort: number
  readonly #peerPort: number
  readonly #flags: readonly string[]
  #admin: KubeCertificate | undefined
  #etcd: ChildProgram | undefined
  #apiserver: ChildProgram | undefined
  #users = 0
  /** A handshake takes both sides longer than most requests. */
  #connections = new Agent({ keepAlive: true })

  constructor(directory: string, pki: KubePki, ports: readonly number[], flags: readonly string[]) {
    const [port = 0, etcdPort = 0, peerPort = 0] = ports
    this.#directory = directory
    this.#pki = pki
    this.port = port
    this.url = `https://127.0.0.1:${port}`
    this.#etcdPort = etcdPort
    this.#peerPort = peerPort
    this.#flags = flags
    this.caPem = pki.ca.certificate
    this.kubeconfigPath = join(directory, 'admin.kubeconfig')
  }

  async start(): Promise<void> {
    const serving = await this.#pki.server(
      'kube-apiserver',
      ['127.0.0.1', '10.96.0.1'],
      [
        'localhost',
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
      ],
    )
    this.#write('ca.crt', this.caPem)
    this.#write('serving.crt', serving.certificate)
    this.#write('serving.key', serving.key)
    this.#write('tokens.key', createTokenSigningKey())
    this.#admin = await this.#pki.user('admin', ['system:masters'])
    this.#write('admin.kubeconfig', this.#kubeconfig(this.#admin, this.url))
    const client = `http://127.0.0.1:${this.#etcdPort}`
    const peer = `http://127.0.0.1:${this.#peerPort}`
    this.#etcd = this.#program('etcd', [
      ...['--data-dir', join(this.#directory, 'etcd'), '--unsafe-no-fsync', '--log-level', 'warn'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
    ])
    this.#startApiserver()
    await this.#ready()
    await this.#waitFor('namespace default', () => this.request('GET', '/api/v1/namespaces/default'))
    await this.#createDefaultServiceAccount('default')
  }

  async kubeconfigForUser(
    name: string,
    groups: readonly string[] = [],
    options: { readonly url?: string } = {},
  ): Promise<string> {
    this.#users += 1
    const certificate = await this.#pki.user(name, groups)
    return this.#write(`user-${this.#users}.kubeconfig`, this.#kubeconfig(certificate, options.url ?? this.url))
  }

  async request(method: string, path: string, body?: unknown, contentType?: string): Promise<unknown> {
    const call = { method, path, body, ...(contentType === undefined ? {} : { contentType }) }
    const { status, message, body: answer } = await this.attempt(call)
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${message}`)
    return answer
  }

  attempt({ method, path, body, contentType = 'application/json', as }: KubeCall): Promise<KubeAnswer> {
    if (this.#admin === undefined) throw new Error('the API server has not been started')
    const { certificate: cert, key } = this.#admin
    const headers = {
      accept: 'application/json',
      'content-type': contentType,
      ...(as === undefined ? {} : { 'impersonate-user': as.user, 'impersonate-group': [...(as.groups ?? [])] }),
    }
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${this.url}${path}`,
        { method, cert, key, ca: this.caPem, agent: this.#connections, headers },
        (response) => {
          response.setEncoding('utf8')
          let text = ''
          response.on('error', reject)
          response.on('data', (chunk: string) => (text += chunk))
          response.on('end', () => {
            const isJson = response.headers['content-type']?.includes('json') === true
            const answer: unknown = isJson ? JSON.parse(text) : text
            const message = (answer as { message?: string }).message ?? text
            resolve({ status: response.statusCode ?? 0, message, body: answer })
          })
        },
      )
      outgoing.on('error', reject)
      outgoing.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  }

  async createNamespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.request('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
    })
    await this.#createDefaultServiceAccount(name)
  }

  async installCrds(path: string): Promise<void> {
    for (const text of readFileSync(path, 'utf8').split(/^---$/m)) {
      if (!/^kind: CustomResourceDefinition$/m.test(text)) continue
      const crd = (await this.request('POST', crdPath, text, 'application/yaml')) as Crd
      const served = crd.spec.versions.find((version) => version.served)
      const list = `/apis/${crd.spec.group}/${served?.name ?? ''}/${crd.spec.names.plural}?limit=1`
      await this.#waitFor(crd.metadata.name, () => this.request('GET', list))
    }
  }

  async compact(): Promise<void> {
    const status = (await this.#etcdRequest('/v3/maintenance/status', {})) as { header: { revision: string } }
    await this.#etcdRequest('/v3/kv/compaction', { revision: status.header.revision, physical: true })
  }

  async restart(): Promise<void> {
    await this.#endApiserver()
    this.#connections = new Agent({ keepAlive: true })
    this.#startApiserver()
    await this.#ready()
  }

  async stop(): Promise<void> {
    await this.#endApiserver()
    await this.#etcd?.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** A graceful end would wait a minute for open watches. */
  async #endApiserver(): Promise<void> {
    this.#connections.destroy()
    this.#apiserver?.kill('SIGKILL')
    await this.#apiserver?.stop()
  }

  #startApiserver(): void {
    const file = (name: string): string => join(this.#directory, name)
    this.#apiserver = this.#program('kube-apiserver', [
      ...[
        '--etcd-servers',
        `http://127.0.0.1:${this.#etcdPort}`,
        '--bind-address',
        '127.0.0.1',
        '--secure-port',
        String(this.port),
      ],
      ...[
        '--advertise-address',
        '192.0.2.1',
        '--endpoint-reconciler-type',
        'none',
        '--service-cluster-ip-range',
        '10.96.0.0/16',
      ],
      ...[
        '--tls-cert-file',
        file('serving.crt'),
        '--tls-private-key-file',
        file('serving.key'),
        '--client-ca-file',
        file('ca.crt'),
      ],
      ...['--service-account-key-file', file('tokens.key'), '--service-account-signing-key-file', file('tokens.key')],
      ...[
        '--service-account-issuer',
        'https://kubernetes.default.svc',
        '--authorization-mode',
        'RBAC',
        '--allow-privileged',
      ],
      ...['--cert-dir', file('certs'), '--profiling=false', ...this.#flags],
    ])
  }

  async #createDefaultServiceAccount(namespace: string): Promise<void> {
    const object = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }
    await this.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, object)
  }

  async #ready(): Promise<void> {
    await this.#waitFor('/readyz', () => this.request('GET', '/readyz'))
  }

  /** Polls until `attempt` resolves. A server that is coming up has no event to wait for. */
  async #waitFor(what: string, attempt: () => Promise<unknown>): Promise<void> {
    const deadline = Date.now() + startTimeoutMs
    for (;;) {
      try {
        await attempt()
        return
      } catch (error) {
        for (const program of [this.#etcd, this.#apiserver]) {
          if (program?.running() !== true)
            throw new Error(`a program has ended:\n${program?.lastLines() ?? ''}`, { cause: error })
        }
        if (Date.now() > deadline) {
          throw new Error(`${what} is not ready:\n${this.#apiserver?.lastLines() ?? ''}`, { cause: error })
        }
        await delay(pollMs)
      }
    }
  }

  async #etcdRequest(path: string, body: unknown): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#etcdPort}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }

  #program(name: string, args: readonly string[]): ChildProgram {
    const path = clusterProgram(name)
    return startProgram(path, args, { logPath: join(this.#directory, `${name}.log`) })
  }

  #kubeconfig(certificate: KubeCertificate, url: string): string {
    const base64 = (pem: string): string => Buffer.from(pem).toString('base64')
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': base64(this.caPem) } }],
      users: [
        {
          name: 'user',
          user: {
            'client-certificate-data': base64(certificate.certificate),
            'client-key-data': base64(certificate.key),
          },
        },
      ],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
      'current-context': 'test',
    })
  }

  #write(name: string, text: string): string {
    const path = join(this.#directory, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
}

interface Crd {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly group: string
    readonly names: { readonly plural: string }
    readonly versions: readonly { readonly name: string; readonly served: boolean }[]
  }
}

const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
