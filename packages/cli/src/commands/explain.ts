import type { Command } from 'commander'
import { ruleId, type Action } from '@chaperone/core'
import {
  compilePolicy,
  loadSqlParser,
  normalisePath,
  SqlUnparseableError,
  type ExplainStep,
  type Verdict,
} from '@chaperone/policy'
import type { Context } from '../context.ts'
import { CommandError, UsageError } from '../errors.ts'
import { readSessionFile } from '../local/session-file.ts'
import { parseFormat, render, type Format } from '../output/print.ts'

interface Options {
  readonly filename: string
  readonly sql?: string
  readonly output: Format
}

export function addExplain(program: Command, context: Context): void {
  program
    .command('explain')
    .summary('say what a session file decides about an action, and why')
    .description(
      'Judges one action by a session file, as the sidecar would, and shows every rule in order with the first thing that did not match.',
    )
    .requiredOption('-f, --filename <file>', 'AgentSession, with the policies it cites, as YAML')
    .option('--sql <statement>', 'judge this SQL at HOST:PORT instead of an HTTP request')
    .option('-o, --output <format>', 'table, json or yaml', parseFormat, 'table')
    .argument('<what...>', 'METHOD URL, or with --sql: HOST[:PORT]')
    .addHelpText(
      'after',
      '\nExamples:\n  chaperone explain -f session.yaml POST https://api.example.com/v1/refunds\n  chaperone explain -f session.yaml --sql "delete from orders" orders-db.prod.svc\n',
    )
    .action(async (what: string[], options: Options) => {
      const nowMs = context.clock.now()
      const { policy } = readSessionFile(options.filename, { uid: 'explain', owner: context.settings.user, nowMs })
      const action = options.sql === undefined ? httpAction(what) : await sqlAction(what, options.sql)
      const explained = compilePolicy(policy).explain(action, nowMs)
      context.out(render(options.output, explained, () => text(explained, context)))
    })
}

function httpAction([method = '', address = '', ...rest]: readonly string[]): Action {
  if (rest.length > 0 || !URL.canParse(address) || !/^[A-Z]+$/.test(method))
    throw new UsageError('expected METHOD URL in one piece each, such as GET https://api.example.com/v1')
  const url = new URL(address)
  const scheme = url.protocol === 'https:' ? 'https' : 'http'
  const target = normalisePath(`${url.pathname}${url.search}`)
  if (target === undefined) throw new CommandError('the sidecar refuses this path: it could be read in two ways')
  return {
    protocol: 'HTTP',
    target: { host: url.hostname, port: Number(url.port || (scheme === 'https' ? 443 : 80)) },
    http: { method, scheme, ...target, headers: {} },
  }
}

async function sqlAction([address = '', ...rest]: readonly string[], text: string): Promise<Action> {
  const [, host = '', port = '5432'] = /^([^:]+)(?::(\d{1,5}))?$/.exec(address) ?? []
  if (host === '' || rest.length > 0)
    throw new UsageError('expected HOST or HOST:PORT, such as orders-db.prod.svc:5432')
  const parser = await loadSqlParser()
  try {
    return {
      protocol: 'Postgres',
      target: { host, port: Number(port) },
      sql: { system: 'postgresql', database: '', user: '', text, statements: parser.classify(text) },
    }
  } catch (error) {
    if (error instanceof SqlUnparseableError) throw new CommandError(`the sidecar refuses this SQL: ${error.message}`)
    throw error
  }
}

function text({ verdict, steps }: { verdict: Verdict; steps: readonly ExplainStep[] }, { style }: Context): string {
  const lines = steps.map(
    (step) =>
      `  ${step.matched ? style('green', '✓') : style('dim', '·')} ${step.action.padEnd(8)}${ruleId(step.rule)}${step.matched ? '' : style('dim', `  (${step.because ?? ''})`)}\n`,
  )
  const how =
    verdict.kind === 'allow'
      ? style('green', 'Allow')
      : verdict.kind === 'approve'
        ? style('yellow', 'Approve')
        : style('red', `Deny ${verdict.reason}`)
  const rule = verdict.rule === undefined ? '' : ` by ${ruleId(verdict.rule)}`
  const effects =
    verdict.kind === 'deny'
      ? `  ${verdict.message}\n`
      : verdict.effects.mask.length === 0
        ? ''
        : `  masked by ${verdict.effects.mask.join(', ')}\n`
  return `${how}${rule}\n${effects}${lines.join('')}`
}
