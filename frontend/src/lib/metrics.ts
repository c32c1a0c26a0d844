/** The measured values of a run, from the stored list and the live events together. */

import type { Metric, MetricKind } from '@/api/types'

/** A step and the value measured there. */
export type Point = [step: number, value: number]

export type Series = Record<MetricKind, Point[]>

export function emptySeries(): Series {
  return { loss: [], eval_loss: [], learning_rate: [], grad_norm: [], tokens_per_second: [], memory_bytes: [] }
}

/**
 * Puts one value into its place by step. The same step again replaces the value, so that a replay
 * which overlaps what is known changes nothing. Kinds that this page does not know are left out.
 */
export function addMetric(series: Series, metric: Metric): void {
  const points = series[metric.kind] as Point[] | undefined
  if (points === undefined) return
  let index = points.length
  while (index > 0 && (points[index - 1]?.[0] ?? 0) > metric.step) index -= 1
  const isKnown = index > 0 && points[index - 1]?.[0] === metric.step
  points.splice(isKnown ? index - 1 : index, isKnown ? 1 : 0, [metric.step, metric.value])
}

/** The same values in new lists: a series grows in place, and charts are drawn for new ones only. */
export function copySeries(series: Series): Series {
  const copy = emptySeries()
  for (const kind of Object.keys(copy) as MetricKind[]) copy[kind] = [...series[kind]]
  return copy
}

/** The last step for which anything is known, where the live events are to begin; -1 for none. */
export function lastStep(series: Series): number {
  return Math.max(-1, ...Object.values(series).map((points) => points.at(-1)?.[0] ?? -1))
}

export function latest(series: Series, kind: MetricKind): number | null {
  return series[kind].at(-1)?.[1] ?? null
}
