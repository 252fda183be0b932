import { controlPaths, type ApprovalState, type ControlEvent, type Heartbeat } from '@chaperone/api'
import type { Clock, Random } from '@chaperone/core'
import type { Logger } from 'pino'
import type { ApprovalDirector } from '../approvals/held-action.ts'
import { ControlError } from '../errors.ts'
import { createEventStream } from './event-stream.ts'
import type { DirectorAnswer, DirectorHttp } from './director-http.ts'
import { createHeartbeatLoop } from './heartbeat-loop.ts'
import { isApproval } from './parse-event.ts'

/** The sidecar's side of the control protocol (packages/api, control.ts). */
export interface Control extends ApprovalDirector {
  /** Begins to listen and to report. */
  start(listener: ControlListener): void
  nudge(): void
  close(): Promise<void>
}

export interface ControlListener {
  readonly onEvent: (event: ControlEvent) => void
  /** Events arrive (again). */
  readonly onConnected: () => void
  readonly heartbeat: () => Heartbeat
}

export function createControl(ports: {
  readonly http: DirectorHttp
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}): Control {
  const { http, clock, log } = ports
  let running:
    | { readonly stream: ReturnType<typeof createEventStream>; readonly beat: ReturnType<typeof createHeartbeatLoop> }
    | undefined
  return {
    get isConnected() {
      return running?.stream.isConnected ?? false
    },
    start({ onEvent, onConnected, heartbeat }) {
      running ??= {
        stream: createEventStream({
          ...ports,
          open: (signal) => http.stream(controlPaths.events, signal),
          onEvent,
          onConnected,
        }),
        beat: createHeartbeatLoop({
          send: async (beat, signal) => void expectStatus(await http.call(controlPaths.heartbeat, beat, signal), 204),
          snapshot: heartbeat,
          clock,
          log,
        }),
      }
    },
    nudge: () => running?.beat.nudge(),
    async ask(ask) {
      const { text } = expectStatus(await http.call(controlPaths.approvals, ask), 200)
      return parseApproval(text)
    },
    async consume(name) {
      const answer = await http.call(`${controlPaths.approvals}/${encodeURIComponent(name)}/consume`, {})
      // Conflict: not approved or used already. Not found: the request, and with it the grant, was deleted.
      if (answer.status === 409 || answer.status === 404) return false
      expectStatus(answer, 204)
      return true
    },
    async cancel(name) {
      expectStatus(await http.call(`${controlPaths.approvals}/${encodeURIComponent(name)}/cancel`, {}), 204)
    },
    async close() {
      await running?.beat.close()
      await running?.stream.close()
      http.close()
    },
  }
}

function expectStatus(answer: DirectorAnswer, status: number): DirectorAnswer {
  if (answer.status === status) return answer
  // The director says in one line what was wrong with what we sent.
  const [line = ''] = answer.text.slice(0, 200).split('\n', 1)
  throw new ControlError(
    'ERR_CONTROL_REFUSED',
    `the director answered ${answer.status}${line === '' ? '' : `: ${line}`}`,
  )
}

function parseApproval(text: string): ApprovalState {
  let state: unknown
  try {
    state = JSON.parse(text)
  } catch {
    state = undefined
  }
  if (!isApproval(state)) throw new ControlError('ERR_CONTROL_MALFORMED', 'expected the state of an approval')
  return state as ApprovalState
}
