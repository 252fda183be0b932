import { readFileSync } from 'node:fs'

/** A client as its users run it, with no setting of trust of its own. */
export interface Client {
  /** As docs/clients.md calls it. */
  readonly name: string
  /** A program that is given to `sh -c` in an empty folder. */
  readonly script: string
}

/** A coding agent; `$PROMPT` is what it is to do. `host`: where its model is. */
export interface CodingAgent extends Client {
  readonly host: string
}

/** Each with its way to say that it need not ask before it acts: what it may do is not for it to judge. */
export const codingAgents: readonly CodingAgent[] = [
  {
    name: 'Claude Code',
    host: 'api.anthropic.com',
    script: 'claude -p "$PROMPT" --dangerously-skip-permissions',
  },
  {
    name: 'Codex',
    host: 'api.openai.com',
    script: 'codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox "$PROMPT"',
  },
  {
    name: 'OpenCode',
    host: 'api.openai.com',
    script: 'opencode run -m openai/gpt-5 "$PROMPT"',
  },
  {
    name: 'Gemini CLI',
    host: 'generativelanguage.googleapis.com',
    script: 'GEMINI_CLI_TRUST_WORKSPACE=true gemini --yolo -m gemini-2.5-flash -p "$PROMPT"',
  },
]

const source = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const inPython = (text: string) => `PYTHONPATH=/opt/clients/python python3 - <<'EOF'\n${text}\nEOF`
const inNode = (text: string) => `node --input-type=module - <<'EOF'\n${text}\nEOF`

/** Each streams a sentence over every API that it has, and prints it once for each. */
export const sdks: readonly (Client & { readonly streams: number })[] = [
  {
    name: 'anthropic (Python)',
    script: inPython(source('sdk-anthropic.py')),
    streams: 1,
  },
  {
    name: 'openai (Python)',
    script: inPython(source('sdk-openai.py')),
    streams: 2,
  },
  {
    name: '@anthropic-ai/sdk',
    script: inNode(source('sdk-anthropic.mjs')),
    streams: 1,
  },
  { name: 'openai (Node)', script: inNode(source('sdk-openai.mjs')), streams: 2 },
]
