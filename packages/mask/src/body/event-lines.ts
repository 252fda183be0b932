import { MaskError } from '../errors.ts'

export interface Line {
  readonly text: string
  /** What ended it: LF, CR, CRLF; nothing for the last of a stream. */
  end: string
}

/** One event with its empty line; those of LLMs are far below. */
const maxEventCharacters = 1024 * 1024

const lineEnd = /\r\n|\r|\n/g

/** Cuts an event stream into its events (WHATWG HTML §9.2.6). */
export interface EventLines {
  /** The events that are complete with this text, each as its lines, the empty one included. */
  push(text: string): Line[][]
  /** What came after the last. */
  end(): Line[]
}

export function createEventLines(): EventLines {
  let lines: Line[] = []
  let open: string[] = []
  let length = 0
  let events: Line[][] = []
  /** The line that a CR ended, of which an LF may be the rest. */
  let returned: Line | undefined

  const line = (text: string, end: string): void => {
    const complete: Line = { text: open.join('') + text, end }
    open = []
    lines.push(complete)
    returned = end === '\r' ? complete : undefined
    if (complete.text !== '') return
    events.push(lines)
    lines = []
    length = 0
  }

  return {
    push(text) {
      events = []
      let at = 0
      if (returned !== undefined && text.startsWith('\n')) {
        at = 1
        // An event that was given already gets its last byte as a line of its own, without text or meaning.
        if (lines.length > 0) returned.end = '\r\n'
        else events.push([{ text: '', end: '\n' }])
      }
      if (text !== '') returned = undefined
      lineEnd.lastIndex = at
      for (let end = lineEnd.exec(text); end !== null; end = lineEnd.exec(text)) {
        line(text.slice(at, end.index), end[0])
        at = lineEnd.lastIndex
      }
      if (at < text.length) open.push(text.slice(at))
      length += text.length
      if (length > maxEventCharacters)
        throw new MaskError('ERR_MASK_LIMIT', `an event has at most ${maxEventCharacters} characters`)
      return events
    },
    end() {
      const rest = open.join('')
      return rest === '' ? lines : [...lines, { text: rest, end: '' }]
    },
  }
}
