import type { ChildProcess } from 'node:child_process'
import { Server } from 'node:net'
import { CommandError } from '../errors.ts'
import type { RunFiles } from './runs.ts'
import type { Sandbox } from './sandbox.ts'

/** How long a sidecar may take to its first policy. */
const readyTimeoutMs = 15_000

/**
 * Gives the sidecar what it listens on, that of a sandbox or a proxy's on this machine, and resolves when it serves under a
 * policy.
 */
export async function handOver(
  sidecar: ChildProcess,
  source: Sandbox | Server | undefined,
  files: RunFiles,
): Promise<void> {
  const sandbox = source instanceof Server ? undefined : source
  const serving = new Promise<void>((resolve, reject) => {
    const timeout = setTimeout(
      () => reject(new CommandError(`the sidecar did not start; see ${files.sidecarLog}`)),
      readyTimeoutMs,
    )
    sidecar.on('message', (message: { type?: string }) => {
      if (message.type !== 'serving') return
      clearTimeout(timeout)
      resolve()
    })
    sidecar.on('exit', (code) => {
      clearTimeout(timeout)
      reject(new CommandError(`the sidecar ended with ${code ?? 'a signal'}; see ${files.sidecarLog}`))
    })
    sandbox?.process.on('exit', () => {
      clearTimeout(timeout)
      reject(new CommandError('the sandbox ended before the agent was started'))
    })
  })
  const wanted = new Promise<void>((resolve) => {
    sidecar.on('message', (message: { type?: string }) => {
      if (message.type === 'send-listeners') resolve()
    })
  })
  sandbox?.process.on('message', (message: { type?: string }, handle) => {
    if (message.type === 'listener' || message.type === 'listeners-sent')
      void wanted.then(() => passOn(sidecar, message, handle as Handle | undefined))
  })
  if (source instanceof Server)
    void wanted.then(() => {
      passOn(sidecar, { type: 'listener', role: 'proxy' }, source)
      passOn(sidecar, { type: 'listeners-sent' }, undefined)
    })
  await serving
}

interface Handle {
  close(): unknown
}

/** Node listens on what it is handed, so that a listener is closed here once the sidecar has it. */
function passOn(sidecar: ChildProcess, message: object, handle: Handle | undefined): void {
  sidecar.send(message, handle as never, {}, () => handle?.close())
}
