// Stands in the agent's place, inside the namespaces of `chaperone run`: runs what the bench asks for, one JSON line a call.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { runTimeoutMs } from './process.ts'

export interface Call {
  readonly id: number
  readonly command: string
  readonly args: readonly string[]
}

export interface Reply {
  readonly id: number
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const reply = (value: Reply): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

reply({ id: 0, code: 0, out: '', err: '' })
for await (const line of createInterface({ input: process.stdin })) {
  const { id, command, args } = JSON.parse(line) as Call
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: runTimeoutMs })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  child.on('error', (error) => reply({ id, code: 127, out, err: error.message }))
  child.on('close', (code) => reply({ id, code, out, err }))
}
