import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { UsageError } from '../errors.ts'

/** One function a shell; the words come from the commands themselves. */
const shells: Readonly<Record<string, (words: Readonly<Record<string, string>>) => string>> = {
  bash: (words) => `_chaperone() {
  local current="\${COMP_WORDS[COMP_CWORD]}"
  case "\${COMP_WORDS[1]}" in
${Object.entries(words)
  .filter(([name]) => name !== '')
  .map(([name, list]) => `    ${name}) COMPREPLY=($(compgen -f -W "${list}" -- "$current")) ;;`)
  .join('\n')}
    *) COMPREPLY=($(compgen -W "${words[''] ?? ''}" -- "$current")) ;;
  esac
}
complete -F _chaperone chaperone kubectl-chaperone
`,
  zsh: (words) => `autoload -U +X bashcompinit && bashcompinit\n${shells['bash']?.(words) ?? ''}`,
  fish: (words) =>
    Object.entries(words)
      .map(
        ([name, list]) =>
          `complete -c chaperone -n '${name === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${name}`}' ${name === '' ? '-f ' : ''}-a '${list}'\n`,
      )
      .join(''),
}

export function addCompletion(program: Command, context: Context): void {
  program
    .command('completion')
    .summary('print shell completion')
    .description('Prints a completion script.')
    .addHelpText('after', '\nExample:\n  source <(chaperone completion bash)\n')
    .argument('<shell>', Object.keys(shells).join(', '))
    .action((shell: string) => {
      const script = shells[shell]
      if (script === undefined)
        throw new UsageError(`completion: expected one of ${Object.keys(shells).join(', ')}; given "${shell}"`)
      const flags = (command: Command) =>
        [
          ...command.commands.map((each) => each.name()),
          ...command.options.flatMap((option) => option.long ?? []),
        ].join(' ')
      context.out(
        script({
          '': program.commands.map((command) => command.name()).join(' '),
          ...Object.fromEntries(program.commands.map((command) => [command.name(), flags(command)])),
        }),
      )
    })
}
