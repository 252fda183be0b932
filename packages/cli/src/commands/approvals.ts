import type { Command } from 'commander'
import { listAll } from '@chaperone/kube'
import { approvalRequests, clusterFlags, connect, namesCluster, type ClusterOptions } from '../cluster/connect.ts'
import type { Context } from '../context.ts'
import { localApprovals } from '../local/runs.ts'
import { parseFormat, render, type Format } from '../output/print.ts'
import { age, table } from '../output/table.ts'

interface Options extends ClusterOptions {
  readonly output: Format
  readonly all: boolean
  readonly allNamespaces: boolean
  readonly local: boolean
}

interface Row {
  readonly name: string
  readonly agent: string
  readonly action: string
  readonly state: string
  readonly rule: string
  readonly by: string
  readonly askedAtMs: number
  readonly expiresAt: string
  readonly detail: string
}

export function addApprovals(program: Command, context: Context): void {
  clusterFlags(
    program
      .command('approvals')
      .summary('list what waits for a person')
      .description(
        'Lists approval requests: who wants what, under which rule. Runs of this machine come first, then the cluster.',
      )
      .addHelpText('after', '\nExamples:\n  chaperone approvals -n agents\n  chaperone approvals -A --all -o json\n')
      .option('-a, --all', 'also those that are decided', false)
      .option('-A, --all-namespaces', 'of every namespace', false)
      .option('--local', 'only runs of this machine', context.plugin ? false : undefined)
      .option('-o, --output <format>', 'table, wide, json or yaml', parseFormat, 'table'),
  ).action(async (options: Options) => {
    const rows = [
      ...(context.plugin ? [] : await localRows(context)),
      ...(options.local || !(context.plugin || namesCluster(context, options))
        ? []
        : await clusterRows(context, options)),
    ].filter((row) => options.all || row.state === 'Pending')
    context.out(render(options.output, rows, (wide) => text(rows, wide, context.clock.now())))
  })
}

async function localRows({ settings }: Context): Promise<Row[]> {
  return (await localApprovals(settings.stateDir)).map(({ approval: { agent, state, ask, askedAtMs } }) => ({
    name: state.name,
    agent,
    action: ask.action.summary,
    state: state.outcome,
    rule: ask.rule,
    by: state.by ?? '',
    askedAtMs,
    expiresAt: state.expiresAt,
    detail: ask.action.detail ?? '',
  }))
}

async function clusterRows(context: Context, options: Options): Promise<Row[]> {
  const { client, namespace } = connect(context, options)
  const list = await listAll(client, approvalRequests, options.allNamespaces ? {} : { namespace })
  return list.items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    agent: spec.agent.name,
    action: spec.action.summary,
    state: status?.conditions?.find((condition) => condition.type === 'Decided')?.reason ?? 'Pending',
    rule: spec.rule,
    by: spec.decision?.by ?? '',
    askedAtMs: Date.parse(metadata.creationTimestamp ?? ''),
    expiresAt: spec.expiresAt,
    detail: spec.action.detail ?? '',
  }))
}

function text(rows: readonly Row[], wide: boolean, nowMs: number): string {
  if (rows.length === 0) return 'Nothing waits for a decision.\n'
  const headings = ['NAME', 'AGENT', 'ACTION', 'STATE', 'AGE', ...(wide ? ['RULE', 'BY', 'EXPIRES'] : [])]
  return table(
    headings,
    rows.map((row) => [
      row.name,
      row.agent,
      row.action,
      row.state,
      age(row.askedAtMs, nowMs),
      ...(wide ? [row.rule, row.by, row.expiresAt] : []),
    ]),
  )
}
