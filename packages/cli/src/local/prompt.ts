import { createInterface } from 'node:readline/promises'
import type { Context } from '../context.ts'
import type { ApprovalBook, LocalApproval } from './approval-book.ts'

/** Asks at the terminal, one request after the other; what is decided elsewhere meanwhile is not asked any more. */
export interface Prompt {
  ask(approval: LocalApproval): void
  /** Decided elsewhere, withdrawn or expired: takes the question back. */
  settled(name: string): void
  close(): void
}

/** `onInterrupt` is called for Ctrl-C, which is a key like any other while we read the terminal. */
export function createPrompt(context: Context, book: ApprovalBook, onInterrupt: () => void): Prompt {
  const { style, err, settings } = context
  // Open for as long as the agent runs, so that what is typed before a question is shown never answers it.
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  lines.on('SIGINT', onInterrupt)
  const waiting: LocalApproval[] = []
  let asking: { readonly name: string; readonly taken: AbortController } | undefined

  const isOpen = (name: string): boolean =>
    book.list().find(({ state }) => state.name === name)?.state.outcome === 'Pending'
  const next = async (): Promise<void> => {
    for (let approval = waiting.shift(); approval !== undefined; approval = waiting.shift()) {
      const { name } = approval.state
      if (!isOpen(name)) continue
      const taken = new AbortController()
      asking = { name, taken }
      err(
        `\n${style('yellow', '?')} ${style('bold', approval.ask.action.summary)}\n  rule ${approval.ask.rule}${approval.ask.reason === undefined ? '' : `: ${approval.ask.reason}`}\n`,
      )
      if (approval.ask.action.detail !== undefined)
        err(style('dim', `  ${approval.ask.action.detail.slice(0, 2000).replaceAll('\n', '\n  ')}\n`))
      const answer = await lines
        .question('  approve? [y/N, or N and a reason] ', { signal: taken.signal })
        .catch(() => undefined)
      if (answer === undefined) err('\n')
      if (answer === undefined || !isOpen(name)) continue
      const yes = /^y(es)?\b/i.test(answer.trim())
      const reason = answer.trim().replace(/^(y(es)?|no?)\b[ :,]*/i, '')
      book.decide(name, yes ? 'Approved' : 'Denied', settings.user, reason === '' ? undefined : reason)
    }
    asking = undefined
  }
  return {
    ask(approval) {
      waiting.push(approval)
      if (asking === undefined) void next()
    },
    settled(name) {
      if (asking?.name === name) asking.taken.abort()
    },
    close() {
      waiting.length = 0
      asking?.taken.abort()
      lines.close()
    },
  }
}
