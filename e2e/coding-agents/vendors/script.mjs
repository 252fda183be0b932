// The model: it does as it is told, so that a test says in its prompt what happens. Where the prompt says run «command» and the client gave it
// a tool that runs commands, it asks for that, and then tells what came of it; else it says one sentence, which has an address in it.

export const sentence = 'Please write to ada@customer.example about the refund.'

/** What to do next: `{ command }` or `{ text }`. `results` are what tools gave since the prompt. */
export function next({ prompt, results, canRun }) {
  if (results.length > 0) return { text: `It gave: ${results.join('\n').slice(0, 4000)}\n${sentence}` }
  const command = /run «([^»]+)»/.exec(prompt)?.[1]
  return command !== undefined && canRun ? { command } : { text: sentence }
}

/** As models write: a few characters at a time, so that nothing that is longer arrives in one piece. */
export const pieces = (text) => text.match(/[^]{1,5}/g) ?? []
