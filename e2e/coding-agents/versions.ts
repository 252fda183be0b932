import { readFileSync } from 'node:fs'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

/** What is in the image, by the names of docs/clients.md: as it was pinned, so that no client must be started to tell. */
export function pinnedVersions(): ReadonlyMap<string, string> {
  const packages = (JSON.parse(read('images/coding-agents/package.json')) as { dependencies: Record<string, string> })
    .dependencies
  const python = read('images/coding-agents/python.txt')
  const pinned: [string, string | undefined][] = [
    ['Claude Code', packages['@anthropic-ai/claude-code']],
    ['Codex', packages['@openai/codex']],
    ['OpenCode', packages['opencode-ai']],
    ['Gemini CLI', packages['@google/gemini-cli']],
    ['anthropic (Python)', /^anthropic==(.+)$/m.exec(python)?.[1]],
    ['openai (Python)', /^openai==(.+)$/m.exec(python)?.[1]],
    ['@anthropic-ai/sdk', packages['@anthropic-ai/sdk']],
    ['openai (Node)', packages['openai']],
    ['AWS CLI', /^awscli==(.+)$/m.exec(python)?.[1]],
    ['Azure CLI', /^azure-cli==(.+)$/m.exec(read('images/coding-agents/azure.txt'))?.[1]],
    ['kubectl', /^KUBERNETES=v(.+)$/m.exec(read('cluster/versions.sh'))?.[1]],
    ['Helm', /^HELM=v(.+)$/m.exec(read('cluster/versions.sh'))?.[1]],
  ]
  return new Map(pinned.map(([name, version = 'not pinned']) => [name, version]))
}
