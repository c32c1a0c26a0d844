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
  settings: RunSettings
}

export const runStart = (body: RunStart) => request<TrainingRun>('POST', '/training-runs', { body })

export const runStop = (id: string) => request<TrainingRun>('POST', `/training-runs/${id}/stop`, { body: {} })

export const runResume = (id: string) => request<TrainingRun>('POST', `/training-runs/${id}/resume`, { body: {} })

export const runMetrics = (id: string) => request<Metric[]>('GET', `/training-runs/${id}/metrics`)
