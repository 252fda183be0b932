import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@chaperone/core'
import { createFakeClock } from '@chaperone/testkit'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import {
  answerJson,
  startScriptedApiServer,
  type ScriptedApiServer,
  type SeenRequest,
} from '../../test/scripted-api-server.ts'
import { configMap, configMaps } from '../../test/scripted-client.ts'
import { createKubeClient, type KubeClient } from './kube-client.ts'
import type { KubeClientConfig } from './kube-config.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function serve(answer: (request: SeenRequest, response: ServerResponse) => void): Promise<ScriptedApiServer> {
  const server = await startScriptedApiServer(answer)
  open.push(server)
  return server
}

function connect(config: KubeClientConfig, clock = systemClock): KubeClient {
  const client = createKubeClient(config, { clock })
  open.push(client)
  return client
}

const name = { namespace: 'default', name: 'a' }
const object = configMap('a', '1')

describe('what is sent', () => {
  test('goes to the server of the context, path included, with JSON in and out', async () => {
    const server = await serve((_request, response) => answerJson(response, 200, object))
    const client = connect({ kubeconfig: server.kubeconfig({}, { path: '/k8s/clusters/c-1', namespace: 'mine' }) })
    expect(client.namespace).toBe('mine')
    expect(await client.get(configMaps, name)).toEqual(object)
    await client.patch(configMaps, name, { type: 'merge', body: { data: { a: 'ü' } } }, { dryRun: true })
    expect(server.requests).toMatchObject([
      { method: 'GET', url: '/k8s/clusters/c-1/api/v1/namespaces/default/configmaps/a', body: '' },
      {
        method: 'PATCH',
        url: '/k8s/clusters/c-1/api/v1/namespaces/default/configmaps/a?dryRun=All',
        headers: { 'content-type': 'application/merge-patch+json', accept: 'application/json' },
        body: '{"data":{"a":"ü"}}',
      },
    ])
    expect(server.connections).toBe(1)
  })

  test('follows the context that is asked for', async () => {
    const server = await serve((_request, response) => answerJson(response, 200, object))
    expect(connect({ kubeconfig: server.kubeconfig(), context: 'second' }).namespace).toBe('second')
    expect(connect({ kubeconfig: server.kubeconfig() }).namespace).toBe('default')
    expect(connect({ kubeconfig: server.kubeconfig(), namespace: 'given' }).namespace).toBe('given')
    expect(() => connect({ kubeconfig: server.kubeconfig(), context: 'third' })).toThrow('context: expected one')
    expect(() => connect({ kubeconfig: join(server.directory, 'missing') })).toThrow(/^kubeconfig: .*ENOENT/)
  })
})

describe('credentials', () => {
  test('a token file is read again once the server has refused its token', async () => {
    const server = await serve(({ headers }, response) => {
      if (headers.authorization === 'Bearer new') answerJson(response, 200, object)
      else answerJson(response, 401, { kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized' })
    })
    const tokenFile = join(server.directory, 'token')
    writeFileSync(tokenFile, 'old\n')
    const client = connect({
      kubeconfig: server.kubeconfig({ 'auth-provider': { name: 'tokenFile', config: { tokenFile } } }),
    })
    await expect(client.get(configMaps, name)).rejects.toMatchObject({ code: 'ERR_KUBE_UNAUTHORIZED' })
    expect(server.requests[0]?.headers.authorization).toBe('Bearer old')
    writeFileSync(tokenFile, 'new\n')
    // The library holds a token for a minute; the refusal has made it forget.
    expect(await client.get(configMaps, name)).toEqual(object)
  })

  test('an exec plug-in gives the token', async () => {
    const server = await serve((_request, response) => answerJson(response, 200, object))
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-plug-in' },
    }
    const exec = { apiVersion: credential.apiVersion, command: 'echo', args: [JSON.stringify(credential)] }
    await connect({ kubeconfig: server.kubeconfig({ exec }) }).get(configMaps, name)
    expect(server.requests[0]?.headers.authorization).toBe('Bearer from-plug-in')
  })

  test('an exec plug-in that fails is named as the cause, and nothing is sent', async () => {
    const server = await serve((_request, response) => answerJson(response, 200, object))
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', 'echo log in first >&2; exit 1'],
    }
    await expect(connect({ kubeconfig: server.kubeconfig({ exec }) }).get(configMaps, name)).rejects.toMatchObject({
      code: 'ERR_KUBE_CONFIG',
      message: 'credentials: log in first',
    })
    expect(server.requests).toEqual([])
  })
})

describe('a server that fails', () => {
  test('with 429 is heard about how long to wait', async () => {
    const server = await serve((_request, response) => answerJson(response, 429, {}, { 'retry-after': '3' }))
    const client = connect({ kubeconfig: server.kubeconfig() })
    await expect(client.list(configMaps)).rejects.toMatchObject({
      code: 'ERR_KUBE_TOO_MANY_REQUESTS',
      status: 429,
      retryAfterMs: 3000,
    })
  })

  test('with 503 and HTML is unavailable', async () => {
    const server = await serve((_request, response) => response.writeHead(503).end('<html>upstream</html>'))
    await expect(connect({ kubeconfig: server.kubeconfig() }).get(configMaps, name)).rejects.toMatchObject({
      code: 'ERR_KUBE_UNAVAILABLE',
      message: 'the server answered 503 without a reason',
    })
  })

  test.each(['<html>', '', '[]', 'null', '{"items":[]}'])('with 200 and %j breaks the protocol', async (text) => {
    const server = await serve((_request, response) => response.writeHead(200).end(text))
    const client = connect({ kubeconfig: server.kubeconfig() })
    await expect(client.get(configMaps, name)).rejects.toMatchObject({ code: 'ERR_KUBE_PROTOCOL' })
    await expect(client.list(configMaps)).rejects.toMatchObject({ code: 'ERR_KUBE_PROTOCOL' })
  })

  test('by refusing connections is unavailable', async () => {
    const server = await serve(() => undefined)
    const client = connect({ kubeconfig: server.kubeconfig() })
    open.splice(open.indexOf(server), 1)
    await server.close()
    await expect(client.get(configMaps, name)).rejects.toMatchObject({
      code: 'ERR_KUBE_UNAVAILABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('by cutting an answer short is unavailable', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"apiVersion":')
      setImmediate(() => response.destroy())
    })
    await expect(connect({ kubeconfig: server.kubeconfig() }).get(configMaps, name)).rejects.toMatchObject({
      code: 'ERR_KUBE_UNAVAILABLE',
    })
  })

  test('by never answering times out, before the headers or within the body', async () => {
    for (const head of [false, true]) {
      const clock = createFakeClock()
      const asked = Promise.withResolvers<undefined>()
      const server = await serve((_request, response) => {
        if (head) response.writeHead(200).write('{')
        asked.resolve(undefined)
      })
      const call = connect({ kubeconfig: server.kubeconfig() }, clock).get(configMaps, name, { timeoutMs: 5000 })
      const outcome = expect(call).rejects.toMatchObject({
        code: 'ERR_KUBE_TIMEOUT',
        message: 'answer: expected one within 5000 ms',
      })
      await asked.promise
      await clock.advance(5000)
      await outcome
    }
  })

  test('does not hold up a caller who gives up', async () => {
    const stop = new AbortController()
    const server = await serve(() => stop.abort(new Error('shutdown')))
    const client = connect({ kubeconfig: server.kubeconfig() })
    await expect(client.get(configMaps, name, { signal: stop.signal })).rejects.toThrow('shutdown')
    await expect(client.get(configMaps, name, { signal: stop.signal })).rejects.toThrow('shutdown')
    expect(server.requests).toHaveLength(1)
  })
})

describe('a kept-alive connection that the server has closed', () => {
  /** Answers the first request, then destroys the connection as the second arrives: the race of an idle time-out. */
  const racing = () => {
    let requests = 0
    return serve((_request, response) => {
      requests += 1
      if (requests === 2) response.socket?.resetAndDestroy()
      else answerJson(response, 200, object)
    })
  }

  test('is replaced for a read', async () => {
    const server = await racing()
    const client = connect({ kubeconfig: server.kubeconfig() })
    await client.get(configMaps, name)
    expect(await client.get(configMaps, name)).toEqual(object)
    expect(server.requests).toHaveLength(3)
  })

  test('fails a write, which may have taken effect', async () => {
    const server = await racing()
    const client = connect({ kubeconfig: server.kubeconfig() })
    await client.get(configMaps, name)
    await expect(client.update(configMaps, object)).rejects.toMatchObject({ code: 'ERR_KUBE_UNAVAILABLE' })
    expect(server.requests).toHaveLength(2)
  })
})

describe('a watch', () => {
  const options = { resourceVersion: '1', timeoutSeconds: 300 }

  test('ends when the server ends it, and asks for bookmarks', async () => {
    const server = await serve((_request, response) => {
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n{"type":"BOOKMARK",`)
      setImmediate(() => response.end('"object":{"metadata":{"resourceVersion":"7"}}}\n'))
    })
    const client = connect({ kubeconfig: server.kubeconfig() })
    const events = []
    const { signal } = new AbortController()
    const selection = { namespace: 'default', labelSelector: 'a=b' }
    for await (const event of await client.watch(configMaps, { ...options, ...selection, signal })) events.push(event)
    expect(events).toEqual([
      { type: 'ADDED', object },
      { type: 'BOOKMARK', resourceVersion: '7' },
    ])
    const url = new URL(server.requests[0]?.url ?? '', server.url)
    expect(url.pathname).toBe('/api/v1/namespaces/default/configmaps')
    expect(Object.fromEntries(url.searchParams)).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '1',
      timeoutSeconds: '300',
      labelSelector: 'a=b',
    })
  })

  test('ends at once when its signal aborts, though the server is silent', async () => {
    const stop = new AbortController()
    const server = await serve((_request, response) => {
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`)
    })
    const client = connect({ kubeconfig: server.kubeconfig() })
    const watch = await client.watch(configMaps, { ...options, signal: stop.signal })
    await expect(async () => {
      for await (const event of watch) {
        expect(event.type).toBe('ADDED')
        stop.abort(new Error('shutdown'))
      }
    }).rejects.toThrow('shutdown')
  })

  test('that is not answered times out', async () => {
    const clock = createFakeClock()
    const asked = Promise.withResolvers<undefined>()
    const server = await serve(() => asked.resolve(undefined))
    const { signal } = new AbortController()
    const watch = connect({ kubeconfig: server.kubeconfig() }, clock).watch(configMaps, { ...options, signal })
    const first = expect(watch).rejects.toMatchObject({ code: 'ERR_KUBE_TIMEOUT' })
    await asked.promise
    await clock.advance(30_000)
    await first
  })

  test('that is refused carries the status', async () => {
    const server = await serve((_request, response) =>
      answerJson(response, 410, { reason: 'Expired', message: 'too old' }),
    )
    const { signal } = new AbortController()
    const watch = connect({ kubeconfig: server.kubeconfig() }).watch(configMaps, { ...options, signal })
    await expect(watch).rejects.toMatchObject({ code: 'ERR_KUBE_GONE', message: 'too old' })
  })
})
