/** What a run's states mean, and how its events change what is known of it. */

import type { Adapter, RunState, TrainingRun } from '@/api/types'
import type { RunStateEvent } from '@/realtime/events'

/** It waits, computes, or is about to stop. */
export function isActive(state: RunState): boolean {
  return state === 'queued' || state === 'running' || state === 'stopping'
}

/** The colour of a run's progress line. */
export function progressTone(state: RunState): 'primary' | 'success' | 'error' | 'neutral' {
  if (state === 'failed') return 'error'
  if (state === 'succeeded') return 'success'
  return state === 'stopped' ? 'neutral' : 'primary'
}

/** Takes the fields of a `run.state` event into `run`, in place; they are those of the REST answer. */
export function mergeRunState(run: TrainingRun, event: RunStateEvent): void {
  const fields: Partial<RunStateEvent> = { ...event }
  delete fields.type
  delete fields.run_id
  Object.assign(run, fields)
}

export interface FinalLoss {
  train: number | null
  validation: number | null
}

/** The last losses of finished runs, by run, from the cards of their adapters. */
export function finalLosses(adapters: Adapter[]): Record<string, FinalLoss> {
  return Object.fromEntries(
    adapters.map(({ run, card }) => [run, { train: card.metrics?.final_loss ?? null, validation: card.metrics?.eval_loss ?? null }]),
  )
}
