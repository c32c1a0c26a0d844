/** What is told of a run before it starts. */

import { request } from './client'
import type { RunSettings, Split } from './types'

/** Something to know before the run, with settings that would mend it. */
export interface Caution {
  code: string
  message: string
  params: Record<string, number>
  fix: RunSettings
}

/** Examples from `low` to `high` tokens, both counted in. */
export interface LengthBar {
  low: number
  high: number
  count: number
}

export interface SamplePiece {
  text: string
  /** It is learnt; else it is only read. */
  trained: boolean
}

/** A number that is expected: measured by the run of that number, else estimated roughly. */
export interface Expected {
  value: number | null
  run: number | null
}

export interface PreflightTokens {
  measured: number
  total: number
  /** Judged by some of the examples. */
  sampled: boolean
  limit: number
  context: number
  shortest: number
  longest: number
  mean: number
  histogram: LengthBar[]
  too_long: number
  too_long_validation: number
  too_long_examples: { id: string; record: string; tokens: number }[]
  sample: { id: string; tokens: number; pieces: SamplePiece[] } | null
}

export interface Preflight {
  version: { id: string; number: number }
  base_model: string
  settings: RunSettings
  records: Record<Split, number>
  examples: { train: number; validation: number; golden: number }
  left_out: { reason: string; count: number }[]
  findings: { code: string; name: string; count: number }[]
  tokens: PreflightTokens | null
  /** Why there are no tokens. */
  tokens_unknown: string | null
  train_examples: number
  validation_examples: number
  steps: number
  epochs: number
  /** In seconds. */
  time: Expected
  /** In bytes. */
  memory: Expected
  warnings: Caution[]
}

export interface PreflightQuestion {
  version: string
  assistant: string
  base_model: string
  settings: RunSettings
}

export const preflightGet = ({ version, assistant, base_model, settings }: PreflightQuestion, signal?: AbortSignal) =>
  request<Preflight>('GET', `/dataset-versions/${version}/preflight`, {
    query: { assistant, base_model, settings: JSON.stringify(settings) },
    ...(signal && { signal }),
  })
