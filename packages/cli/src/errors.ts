import { CodedError } from '@chaperone/core'

/** The command line or a file is wrong: exit 64 (sysexits.h EX_USAGE). */
export class UsageError extends CodedError<'ERR_USAGE'> {
  constructor(message: string) {
    super('ERR_USAGE', message)
  }
}

/** The command ran, and the answer is no: exit 1. */
export class CommandError extends CodedError<'ERR_COMMAND'> {
  constructor(message: string) {
    super('ERR_COMMAND', message)
  }
}

/** What the system says about a file, in words. */
export function whyUnreadable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'no such file'
  return code === 'EISDIR' ? 'is a directory' : `cannot be read${code === undefined ? '' : ` (${code})`}`
}

export const exitUsage = 64
