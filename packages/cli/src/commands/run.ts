import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, isIP, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { javaToolOptions, proxyVariables, trustVariables, type EffectivePolicy, type Heartbeat } from '@chaperone/api'
import type { Context } from '../context.ts'
import { UsageError } from '../errors.ts'
import { createBareAgent, type Agent } from '../local/agent.ts'
import { createApprovalBook, type ApprovalBook, type LocalApproval } from '../local/approval-book.ts'
import { createDirector } from '../local/director.ts'
import { handOver } from '../local/hand-over.ts'
import { passOnSignals } from '../local/pass-on-signals.ts'
import { createPrompt } from '../local/prompt.ts'
import { createRun } from '../local/runs.ts'
import { createSandbox, whyNotContained, type Sandbox } from '../local/sandbox.ts'
import { readSessionFile } from '../local/session-file.ts'
import { startSidecar } from '../local/sidecar-process.ts'

interface RunOptions {
  readonly filename: string
  readonly resolve: readonly string[]
  readonly credentials?: string
  readonly interactive: boolean
  readonly prompt: boolean
  readonly contained: boolean
  readonly logLevel: string
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

export function addRun(program: Command, context: Context): void {
  program
    .command('run')
    .summary('run an agent on this machine under a session file, without a cluster')
    .description(
      'Runs a command with the same sidecar that a pod gets: what the session file allows passes, masked where it says so,\nwhat needs approval is held and asked for here (or from a second terminal: chaperone approve), and everything is recorded.\nOn Linux the command runs in namespaces of its own and cannot get around the sidecar; no root is needed.',
    )
    .requiredOption('-f, --filename <file>', 'AgentSession, with the policies it cites, as YAML')
    .option(
      '--resolve <host:port:address>',
      'find a host at this address, as curl --resolve (repeatable)',
      (value: string, list: string[]) => [...list, value],
      [],
    )
    .option('--credentials <dir>', 'directory with <secret>/<key> files, for rules with a credential')
    .option('-i, --interactive', 'give the terminal to the agent; approve from a second one', false)
    .option('--no-prompt', 'do not ask at this terminal; approve from a second one')
    .option('--no-contained', 'only set proxy variables: works everywhere, contains nothing')
    .addOption(new Option('--log-level <level>', 'of the sidecar').choices(logLevels).default('info'))
    .argument('<command...>', 'the agent and its arguments, after --')
    .addHelpText('after', '\nExample:\n  chaperone run -f session.yaml -- claude -p "fix the failing test"\n')
    .action(async (command: string[], options: RunOptions) => {
      process.exitCode = await runAgent(context, options, command)
    })
}

function checkOptions(options: RunOptions): void {
  for (const entry of options.resolve)
    if (!isResolveEntry(entry))
      throw new UsageError(`--resolve: expected HOST:PORT:ADDRESS with an IP address; given "${entry}"`)
  if (options.credentials !== undefined && !existsSync(options.credentials))
    throw new UsageError(`--credentials: expected a directory; "${options.credentials}" does not exist`)
}

function isResolveEntry(entry: string): boolean {
  const [, port = '', address = ''] = /^[^:,]+:(\d{1,5}):(.+)$/.exec(entry) ?? []
  return Number(port) >= 1 && Number(port) <= 65_535 && isIP(address.replace(/^\[(.*)\]$/, '$1')) !== 0
}

async function runAgent(context: Context, options: RunOptions, command: readonly string[]): Promise<number> {
  const { settings, clock, err, style } = context
  checkOptions(options)
  const podUid = randomUUID()
  const { session, policy } = readSessionFile(options.filename, {
    uid: randomUUID(),
    owner: settings.user,
    nowMs: clock.now(),
  })
  const started = new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-')
  const files = createRun(settings.stateDir, `${started}-${session.metadata.name}`)
  const trustDir = mkdtempSync(join(tmpdir(), 'chaperone-trust-'))
  chmodSync(trustDir, 0o755)

  const objection = options.contained ? await whyNotContained(process.platform) : '--no-contained was given'
  const say = (text: string) => err(`${style('dim', 'chaperone')} ${text}\n`)
  if (objection === undefined) say(`${style('green', 'contained')}: the agent has no network but the sidecar`)
  else
    say(
      `${style('yellow', 'NOT contained')}: ${objection}. Proxy variables are set; an agent that ignores them is not stopped.`,
    )

  for (const rule of options.credentials === undefined ? rulesWithSecret(policy) : [])
    say(`${style('yellow', 'no credentials')}: rule ${rule} adds one; without --credentials what it allows is refused`)

  const notify = (approval: LocalApproval, before: LocalApproval | undefined): void => {
    director.approvalChanged(approval)
    if (approval.state.outcome === before?.state.outcome) return
    if (approval.state.outcome !== 'Pending') {
      prompt?.settled(approval.state.name)
      return say(`${approval.state.name} is ${approval.state.outcome.toLowerCase()}`)
    }
    if (prompt !== undefined) prompt.ask(approval)
    else
      say(
        `${style('yellow', 'held')}: ${approval.ask.action.summary}\n          in another terminal: chaperone approve ${approval.state.name} --reason …`,
      )
  }
  const book = createApprovalBook(policy.session, clock, notify)
  let heartbeat: Heartbeat | undefined
  const director = createDirector({
    policy,
    pod: { namespace: 'local', name: files.name, uid: podUid },
    book,
    onHeartbeat: (received) => (heartbeat = received),
  })
  director.server.listen(files.socket)
  await once(director.server, 'listening')
  chmodSync(files.socket, 0o600)
  const proxy = objection === undefined ? undefined : await listenForProxy()
  const asks = options.prompt && !options.interactive && process.stdin.isTTY
  const stdin = asks ? 'ignore' : 'inherit'
  let agent: Agent = createBareAgent({ stdin })
  let sandbox: Sandbox | undefined
  if (objection === undefined) {
    const resolvConf = join(trustDir, 'resolv.conf')
    // Any address will do: the rules lead port 53 to the sidecar.
    writeFileSync(resolvConf, 'nameserver 192.0.2.53\n')
    agent = sandbox = createSandbox({
      environment: settings.environment,
      hidden: [settings.stateDir],
      resolvConf,
      identity: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
      stdin,
    })
  }
  const signals = passOnSignals(agent, { agentHasTerminal: !asks && process.stdin.isTTY })
  const prompt = asks ? createPrompt(context, book, () => signals.relay('SIGINT')) : undefined
  const sidecar = startSidecar({
    files,
    trustDir,
    resolve: options.resolve,
    credentialsDir: options.credentials,
    podUid,
    podName: files.name,
    owner: session.spec.agent.owner ?? '',
    logLevel: options.logLevel,
    environment: settings.environment,
  })
  try {
    await handOver(sidecar, sandbox ?? proxy?.server, files)
    const environment = {
      ...settings.environment,
      ...(proxy === undefined ? {} : proxyVariables(`http://127.0.0.1:${proxy.port}`)),
      ...trustVariables(trustDir),
      JAVA_TOOL_OPTIONS: javaToolOptions(trustDir, settings.environment['JAVA_TOOL_OPTIONS']),
    }
    signals.started()
    return await agent.start(command, environment)
  } finally {
    prompt?.close()
    agent.stop()
    signals.close()
    if (sidecar.exitCode === null) {
      sidecar.kill('SIGTERM')
      await once(sidecar, 'exit')
    }
    await director.close()
    rmSync(trustDir, { recursive: true, force: true })
    rmSync(files.socket, { force: true })
    say(`${summary(heartbeat?.counters, book)}; timeline: chaperone log ${files.name}`)
    say(`records: ${files.audit}; proof: chaperone audit verify ${files.audit}`)
  }
}

function rulesWithSecret({ tiers }: EffectivePolicy): string[] {
  const lists = tiers.flat()
  return lists.flatMap(({ source, rules }) =>
    rules.flatMap(({ name, credential }) => (credential?.secretRef === undefined ? [] : [`${source}#${name}`])),
  )
}

function summary(counters: Heartbeat['counters'] | undefined, book: ApprovalBook): string {
  if (counters === undefined) return 'done'
  const waiting = book.list().filter(({ state }) => state.outcome === 'Pending').length
  const { requests, denied, masked } = counters
  return [
    `${requests} ${requests === 1 ? 'action' : 'actions'}`,
    `${denied} denied`,
    `${masked} ${masked === 1 ? 'value' : 'values'} masked`,
    ...(waiting === 0 ? [] : [`${waiting} left waiting for approval`]),
  ].join(', ')
}

async function listenForProxy(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}
