import { request } from './client'
import type { Metric, Page, RunDefaults, RunSettings, TrainingRun } from './types'

export const runList = (query: { dataset_version?: string } = {}) =>
  request<Page<TrainingRun>>('GET', '/training-runs', { query })

export const runGet = (id: string) => request<TrainingRun>('GET', `/training-runs/${id}`)

export const runDefaults = (query: { dataset_version?: string; assistant?: string }) =>
  request<RunDefaults>('GET', '/training-runs/defaults', { query })

export interface RunStart {
  dataset_version: string
  assistant: string
  base_model: string
  /** Id of the adapter to go on from. */
  parent?: string
  settings: RunSettings
}

export const runStart = (body: RunStart) => request<TrainingRun>('POST', '/training-runs', { body })

export const runStop = (id: string) => request<TrainingRun>('POST', `/training-runs/${id}/stop`, { body: {} })

export const runResume = (id: string) => request<TrainingRun>('POST', `/training-runs/${id}/resume`, { body: {} })

/** So many values come at once; who gets as many asks for the rest. */
const METRICS_AT_ONCE = 20_000

/** All that a run has measured, by step. A step at which the answer was cut off comes twice. */
export async function runMetrics(id: string): Promise<Metric[]> {
  const metrics: Metric[] = []
  for (;;) {
    const last = metrics.at(-1)
    const some = await request<Metric[]>('GET', `/training-runs/${id}/metrics`, { query: last && { after: last.step - 1 } })
    metrics.push(...some)
    if (some.length < METRICS_AT_ONCE) return metrics
  }
}
