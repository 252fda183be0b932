/**
 * What runs inside the namespaces of `chaperone run`, as process 1 of its own pid namespace: leads everything to two
 * listeners, hands them to the sidecar outside, and starts the agent one user namespace further in, where it has no power
 * over the rules, the mounts or the listeners. Plain text, because it is given to `node --eval`.
 */
export const sandboxProgram = `
import { spawn, execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { constants } from 'node:os'

process.channel.ref()
const settings = JSON.parse(process.env.CHAPERONE_SANDBOX)
const run = (command, ...args) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
run('ip', 'link', 'set', 'lo', 'up')
run('ip', 'route', 'add', 'local', 'default', 'dev', 'lo')
try { run('ip', '-6', 'route', 'add', 'local', 'default', 'dev', 'lo') } catch {}
run('nft', settings.rules)
for (const path of settings.hidden) run('mount', '-t', 'tmpfs', '-o', 'size=4k,mode=0700', 'tmpfs', path)
run('mount', '--bind', settings.resolvConf, '/etc/resolv.conf')

const send = (message, handle) => new Promise((resolve, reject) => process.send(message, handle, {}, (error) => (error ? reject(error) : resolve())))
// Whoever keeps a listener open takes part of what comes to it: each is closed here as soon as it is on its way.
const listen = async (role, server, options) => {
  server.listen(options)
  await once(server, 'listening')
  await send({ type: 'listener', role }, server)
  server.close()
}
for (const host of ['127.0.0.1', '::1']) {
  await listen('transparent', createServer(), { host, port: settings.ports.transparent })
  await listen('dnsTcp', createServer(), { host, port: settings.ports.dns })
  const udp = createSocket(host === '::1' ? 'udp6' : 'udp4')
  udp.bind(settings.ports.dns, host)
  await once(udp, 'listening')
  await send({ type: 'listener', role: 'dnsUdp' }, udp)
  udp.close()
}
await send({ type: 'listeners-sent' })

let agent
process.on('message', ({ command, environment, identity, signal }) => {
  if (signal !== undefined) {
    // The agent leads a session of its own, as soon as setsid has made it one.
    try { process.kill(-agent.pid, signal) } catch { agent?.kill(signal) }
    return
  }
  agent = spawn('unshare', ['--user', '--map-user=' + identity.uid, '--map-group=' + identity.gid, '--', 'setsid', '--wait', ...command], { stdio: 'inherit', env: environment })
  agent.on('error', (error) => { process.stderr.write('chaperone: ' + error.message + '\\n'); process.exit(127) })
  agent.on('exit', (code, signal) => { process.exitCode = signal ? 128 + constants.signals[signal] : code; send({ type: 'exited', code: process.exitCode }).finally(() => process.exit()) })
})
// A terminal signals everybody; whoever started us says what is meant for the agent. Without them nothing may go on.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => undefined)
process.on('disconnect', () => process.exit())
`
