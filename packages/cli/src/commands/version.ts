import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { parseFormat, render, type Format } from '../output/print.ts'
import { programVersion } from '../version.ts'

export function addVersion(program: Command, context: Context): void {
  program
    .command('version')
    .summary('print the version')
    .addHelpText('after', '\nExample:\n  chaperone version -o json\n')
    .option('-o, --output <format>', 'table, json or yaml', parseFormat, 'table')
    .action((options: { output: Format }) => {
      const data = { version: programVersion, node: process.version, platform: `${process.platform}/${process.arch}` }
      context.out(
        render(options.output, data, () => `chaperone ${data.version} (node ${data.node}, ${data.platform})\n`),
      )
    })
}
