import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { CommandError } from '../errors.ts'

/** The program that is watched. */
export interface Agent {
  /** Starts it and resolves with its exit code; of one that a signal ended, 128 and the signal's number, as in a shell. */
  start(command: readonly string[], environment: Readonly<Record<string, string>>): Promise<number>
  signal(name: NodeJS.Signals): void
  /** Ends it at once, started or not. */
  stop(): void
}

/** An agent beside us, contained by nothing. */
export function createBareAgent(options: { readonly stdin: 'inherit' | 'ignore' }): Agent {
  const sharesTerminal = options.stdin === 'inherit' && process.stdin.isTTY
  let child: ChildProcess | undefined
  return {
    start([program = '', ...args], environment) {
      const agent = spawn(program, args, { stdio: [options.stdin, 'inherit', 'inherit'], env: environment })
      child = agent
      return new Promise((resolve, reject) => {
        agent.on('error', (error) => reject(new CommandError(error.message)))
        agent.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
      })
    },
    signal(name) {
      // Ctrl-C has reached it already, as it reached us.
      if (name !== 'SIGINT' || !sharesTerminal) child?.kill(name)
    },
    stop: () => void child?.kill('SIGKILL'),
  }
}
