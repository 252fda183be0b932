import type { Command } from 'commander'
import { isKubeError } from '@chaperone/kube'
import { approvalRequests, clusterFlags, connect, namesCluster, type ClusterOptions } from '../cluster/connect.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { decideLocally, localApprovals } from '../local/runs.ts'

interface DecideOptions extends ClusterOptions {
  readonly reason?: string
}

/** `approve` and `deny`: one act with two verdicts, on a local run where it waits there, else on the cluster. */
export function addDecide(program: Command, context: Context): void {
  for (const [name, verdict] of [
    ['approve', 'Approved'],
    ['deny', 'Denied'],
  ] as const) {
    clusterFlags(
      program
        .command(name)
        .summary(`${name} what an agent waits for`)
        .description(
          `Sets the decision of an approval request. The API server records who you are; the owner of the session and the\nagent itself are refused. The agent is told at once.`,
        )
        .addHelpText('after', `\nExample:\n  chaperone ${name} devin-3f2a9c81d0 -n agents --reason "agreed with Ada"\n`)
        .argument('<name>', 'approval request, from: chaperone approvals')
        .option('-r, --reason <text>', 'why, for the agent and the auditor'),
    ).action((request: string, options: DecideOptions) => decide(context, request, verdict, options))
  }
}

async function decide(
  context: Context,
  name: string,
  verdict: 'Approved' | 'Denied',
  options: DecideOptions,
): Promise<void> {
  const { out, settings } = context
  const local = context.plugin
    ? undefined
    : (await localApprovals(settings.stateDir)).find(({ approval }) => approval.state.name === name)
  if (local !== undefined) {
    await decideLocally(local.run, name, {
      verdict,
      by: settings.user,
      ...(options.reason === undefined ? {} : { reason: options.reason }),
    })
  } else if (!context.plugin && !namesCluster(context, options)) {
    throw new CommandError(`no approval request "${name}" in a run of this machine`)
  } else {
    const { client, namespace } = connect(context, options)
    const decision = { verdict, ...(options.reason === undefined ? {} : { reason: options.reason }) }
    try {
      await client.patch(approvalRequests, { namespace, name }, { type: 'merge', body: { spec: { decision } } })
    } catch (error) {
      if (isKubeError(error, 'ERR_KUBE_NOT_FOUND'))
        throw new CommandError(`no approval request "${name}" in namespace "${namespace}"`)
      throw error
    }
  }
  out(`approvalrequest/${name} ${verdict.toLowerCase()}\n`)
}
