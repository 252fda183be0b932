import type { Clock, Random } from '@chaperone/core'
import type { Settings } from './config.ts'

/** What every command has. */
export interface Context {
  readonly settings: Settings
  readonly clock: Clock
  readonly random: Random
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly style: (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string) => string
  /** Invoked as a kubectl plug-in: local runs are not looked at. */
  readonly plugin: boolean
}
