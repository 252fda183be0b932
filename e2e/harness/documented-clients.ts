import { readFileSync } from 'node:fs'

export interface DocumentedClient {
  readonly client: string
  readonly version: string
  readonly trustsBy: string
  readonly works: string
  readonly note: string
}

/** The rows of the table under a heading of docs/clients.md: each journey compares its own with what it ran. */
export function documentedClients(heading: string): DocumentedClient[] {
  const text = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`docs/clients.md: expected a heading ${heading}`)
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => {
      const [client = '', version = '', trustsBy = '', works = '', note = ''] = line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim())
      return { client, version, trustsBy, works, note }
    })
}
