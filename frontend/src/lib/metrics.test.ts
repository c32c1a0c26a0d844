import { expect, it } from 'vitest'
import type { Metric } from '@/api/types'
import { addMetric, emptySeries, lastStep, latest } from './metrics'

function loss(step: number, value: number): Metric {
  return { kind: 'loss', step, value }
}

it('merges the stored list with live events that overlap it', () => {
  const series = emptySeries()
  const stored = [loss(1, 3), loss(2, 2.5), { kind: 'eval_loss', step: 2, value: 2.7 } as Metric]
  const live = [loss(2, 2.5), loss(3, 2)]
  for (const metric of [...stored, ...live]) addMetric(series, metric)
  expect(series.loss).toEqual([[1, 3], [2, 2.5], [3, 2]])
  expect(series.eval_loss).toEqual([[2, 2.7]])
})

it('puts a late value into its place', () => {
  const series = emptySeries()
  for (const metric of [loss(1, 3), loss(4, 1), loss(2, 2), loss(3, 1.5)]) addMetric(series, metric)
  expect(series.loss.map(([step]) => step)).toEqual([1, 2, 3, 4])
})

it('takes the newer value of a step, as after a resume', () => {
  const series = emptySeries()
  addMetric(series, loss(5, 1))
  addMetric(series, loss(5, 0.9))
  expect(series.loss).toEqual([[5, 0.9]])
})

it('knows where the live events are to begin', () => {
  const series = emptySeries()
  expect(lastStep(series)).toBe(-1)
  addMetric(series, loss(5, 1))
  addMetric(series, { kind: 'learning_rate', step: 6, value: 1e-4 })
  expect(lastStep(series)).toBe(6)
  expect(latest(series, 'loss')).toBe(1)
  expect(latest(series, 'grad_norm')).toBeNull()
})

it('leaves out kinds that it does not know', () => {
  const series = emptySeries()
  addMetric(series, { kind: 'moon_phase', step: 1, value: 1 } as unknown as Metric)
  expect(series).toEqual(emptySeries())
})
