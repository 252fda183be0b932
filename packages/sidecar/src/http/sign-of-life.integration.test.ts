import { EventEmitter, once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { Agent, fetch } from 'undici'
import { closeAll, closers, host, run, start, upstream } from './testdata/http-bench.ts'

afterEach(closeAll)

/** Holds every request until `decide` is called. */
const holding = async () => {
  const origin = await upstream((_request, response) => response.end('done'))
  let decide: () => void = () => undefined
  const decided = new Promise<void>((resolve) => (decide = resolve))
  const held = new EventEmitter()
  const bench = await start(origin.port, [{ name: 'ask', to: { hosts: [host] }, action: 'Approve' }], {
    timeouts: { signMs: 10 },
    async outcome(request) {
      request.onHeld?.('devin-1')
      held.emit('held')
      await decided
      return undefined
    },
  })
  return { port: bench.port, held: () => once(held, 'held'), decide: () => decide() }
}

/** Another client, that came later and had `count` signs: those before it had as many at least. */
const later = (port: number, count: number) => {
  const client = ask(port, 'node')
  return client.signs(count).then(() => client)
}

const ask = (port: number, agent: string, version = '1.1') => {
  const socket = connect(port, '127.0.0.1')
  closers.push(() => socket.destroy())
  let received = ''
  socket.on('data', (chunk) => (received += String(chunk)))
  socket.write(`GET / HTTP/${version}\r\nHost: ${host}\r\nUser-Agent: ${agent}\r\nConnection: close\r\n\r\n`)
  const statuses = () => [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
  return {
    statuses,
    async signs(count: number) {
      while (statuses().length < count) await once(socket, 'data')
    },
    closed: once(socket, 'close'),
  }
}

describe('while a request is held', () => {
  test('a client that bears it is told so a few times, and others hear nothing but the answer', async () => {
    const { port, decide } = await holding()
    const silent = [
      ask(port, 'python-requests/2.34.2'),
      ask(port, 'Java-http-client/11.0.2'),
      ask(port, ''),
      ask(port, 'curl/8.0.0', '1.0'),
    ]
    const told = ask(port, 'curl/8.0.0')
    await told.signs(4)
    // Were there a fifth, it would come before the second of this one.
    const other = await later(port, 2)
    decide()
    await Promise.all([told, other, ...silent].map(({ closed }) => closed))
    expect(told.statuses()).toEqual(['102', '102', '102', '102', '200'])
    expect(silent.map(({ statuses }) => statuses())).toEqual([['200'], ['200'], ['200'], ['200']])
  })

  test.each([
    ['HTTP/1.1', '--http1.1'],
    ['HTTP/2', '--http2-prior-knowledge'],
  ])('curl passes over it in %s', async (_name, version) => {
    const { port, held, decide } = await holding()
    const to = ['--connect-to', `::127.0.0.1:${port}`, `http://${host}:443/`]
    const answered = run('curl', ['-sS', version, '-w', ' %{http_code}', ...to])
    await held()
    await later(port, 1)
    decide()
    expect((await answered).stdout).toBe('done 200')
  })

  test('fetch passes over it', async () => {
    const { port, held, decide } = await holding()
    const dispatcher = new Agent({
      connect: (_options, callback) => {
        const socket = connect(port, '127.0.0.1', () => callback(null, socket))
      },
    })
    closers.push(() => dispatcher.close())
    const answered = fetch(`http://${host}:443/`, { dispatcher, headers: { 'user-agent': 'node' } })
    await held()
    await later(port, 1)
    decide()
    expect(await (await answered).text()).toBe('done')
  })

  test('a stream of HTTP/2 is told so', async () => {
    const { port, decide } = await holding()
    const session = connectHttp2(`http://${host}:443`, { createConnection: () => connect(port, '127.0.0.1') })
    closers.push(() => session.destroy())
    const stream = session.request({ ':path': '/', 'user-agent': 'Go-http-client/2.0' })
    const [sign] = (await once(stream, 'headers')) as [Record<string, unknown>]
    expect(sign[':status']).toBe(102)
    decide()
    const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect(answer[':status']).toBe(200)
  })

  test('a stream of HTTP/2 whose client has left it is told nothing more', async () => {
    const { port, decide } = await holding()
    const session = connectHttp2(`http://${host}:443`, { createConnection: () => connect(port, '127.0.0.1') })
    closers.push(() => session.destroy())
    const stream = session.request({ ':path': '/', 'user-agent': 'Go-http-client/2.0' })
    await once(stream, 'headers')
    stream.close(constants.NGHTTP2_CANCEL)
    await once(stream, 'close')
    // Signs that were due to it since would have ended the process.
    await later(port, 3)
    decide()
    const other = session.request({ ':path': '/', 'user-agent': 'other' })
    const [answer] = (await once(other, 'response')) as [Record<string, unknown>]
    expect(answer[':status']).toBe(200)
  })
})
