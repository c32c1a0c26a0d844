import { request } from './client'
import type { Named, Page, RunState } from './types'

export type ExportPart = 'merged' | 'gguf' | 'ollama'

/** The adapter's answer beside the merged model's, whose weights are rounded. */
export interface ParityAnswer {
  question: string
  adapter: string
  merged: string
  equal: boolean
  /** From 0. */
  first_difference: number | null
  adapter_token: string
  merged_token: string
}

export interface Parity {
  weights: string
  computed_in: string
  questions: number
  equal_float32: number
  equal_rounded: number
  rounded: ParityAnswer[]
}

export interface AdapterExport {
  id: string
  number: number
  state: RunState
  phase: string
  /** From 0 to 1. */
  progress: number
  what: ExportPart[]
  bytes: number
  parity: Parity | null
  error: { code: string; message: string } | null
  advice: string | null
  started_by: Named | null
  created_at: string
}

/** The newest exports of an adapter. */
export const exportList = (adapter: string) => request<Page<AdapterExport>>('GET', `/adapters/${adapter}/exports`)

export const exportStart = (adapter: string, what: ExportPart[]) =>
  request<AdapterExport>('POST', `/adapters/${adapter}/export`, { body: { what } })

export const exportStop = (adapter: string, id: string) =>
  request<AdapterExport>('POST', `/adapters/${adapter}/exports/${id}/stop`, { body: {} })

export const exportDelete = (adapter: string, id: string) => request<null>('DELETE', `/adapters/${adapter}/exports/${id}`)

export const exportArchiveUrl = (adapter: string, id: string) => `/api/v1/adapters/${adapter}/exports/${id}/archive`
