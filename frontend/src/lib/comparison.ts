/** Several runs beside one another: what differs in their settings, and their curves on one scale. */

import type { MetricKind, RunSettings, SettingValue, TrainingRun } from '@/api/types'
import type { Point, Series } from './metrics'

export const FEWEST_RUNS = 2
export const MOST_RUNS = 6

/** The runs that an address names, each once, no more than can be told apart. */
export function comparedIds(query: unknown): string[] {
  const text = Array.isArray(query) ? query.join(',') : typeof query === 'string' ? query : ''
  return [...new Set(text.split(',').map((id) => id.trim()).filter(Boolean))].slice(0, MOST_RUNS)
}

export interface SettingRow {
  name: string
  /** In the order of the runs; undefined where a run has no such setting. */
  values: (SettingValue | undefined)[]
}

/** The settings in which the runs differ, in the order of the first run that has them. */
export function settingsDiff(settings: RunSettings[]): SettingRow[] {
  const names = new Set(settings.flatMap((one) => Object.keys(one)))
  return [...names]
    .map((name) => ({ name, values: settings.map((one) => one[name]) }))
    .filter(({ values }) => new Set(values.map((value) => JSON.stringify(value) ?? '')).size > 1)
}

export type Scale = 'step' | 'epoch'

/** A run's curve over its steps, or over how often it has seen its examples. */
export function onScale(points: Point[], run: Pick<TrainingRun, 'step' | 'epoch'>, scale: Scale): Point[] {
  if (scale === 'step') return points
  const epochsPerStep = run.step > 0 ? run.epoch / run.step : 0
  return epochsPerStep > 0 ? points.map(([step, value]) => [step * epochsPerStep, value]) : []
}

export interface RunResult {
  loss: number | null
  evalLoss: number | null
  bestEvalLoss: number | null
  bestStep: number | null
  tokensPerSecond: number | null
  memoryBytes: number | null
  seconds: number | null
}

/** What came of a run, in numbers. The final loss is the mean of its last tenth: single steps jump. */
export function runResult(run: Pick<TrainingRun, 'started_at' | 'finished_at'>, series: Series): RunResult {
  const values = (kind: MetricKind) => series[kind].map(([, value]) => value)
  const best = series.eval_loss.reduce<Point | null>((lowest, point) => (lowest === null || point[1] < lowest[1] ? point : lowest), null)
  const losses = values('loss')
  const memory = values('memory_bytes')
  return {
    loss: mean(losses.slice(-Math.max(1, Math.floor(losses.length / 10)))),
    evalLoss: values('eval_loss').at(-1) ?? null,
    bestEvalLoss: best?.[1] ?? null,
    bestStep: best?.[0] ?? null,
    tokensPerSecond: median(values('tokens_per_second')),
    memoryBytes: memory.length > 0 ? memory.reduce((most, value) => Math.max(most, value)) : null,
    seconds: run.started_at && run.finished_at ? (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1000 : null,
  }
}

function mean(values: number[]): number | null {
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null
}

function median(values: number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? null
}
