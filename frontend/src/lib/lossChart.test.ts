import { expect, it } from 'vitest'
import { chartLook } from './chartLook'
import { lossOption } from './lossChart'
import type { Point } from './metrics'

const words = { train: 'Training loss', validation: 'Validation loss', step: 'step', best: 'best' }
const train: Point[] = [[1, 3], [2, 1], [3, 2]]
const validation: Point[] = [[2, 2.5], [3, 2.8]]
const draw = (changes: object = {}) =>
  lossOption({ train, validation, totalSteps: 10, weight: 0, bestStep: null, ...changes }, chartLook('serif', false), words)

it('draws both curves over the whole run', () => {
  const option = draw()
  expect(option.series.map(({ name, data }) => [name, data])).toEqual([['Training loss', train], ['Validation loss', validation]])
  expect(option.xAxis.max).toBe(10)
  expect(option.series[1]?.lineStyle.type).toBe('dashed')
})

it('keeps what was measured pale behind the smoothed curve, and out of the tooltip', () => {
  const [measured, curve] = draw({ weight: 0.85 }).series
  expect(measured?.data).toEqual(train)
  expect(measured?.lineStyle.opacity).toBeLessThan(0.5)
  expect(measured?.tooltip).toEqual({ show: false })
  expect(curve?.data).not.toEqual(train)
  expect(curve?.lineStyle.opacity).toBe(1)
})

it('marks the best step on the validation curve', () => {
  expect(draw().series[1]).not.toHaveProperty('markPoint')
  expect(draw({ bestStep: 2 }).series[1]?.markPoint?.data).toEqual([{ coord: [2, 2.5] }])
})
