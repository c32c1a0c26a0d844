import { expect, it } from 'vitest'
import { chartLook } from './chartLook'
import { histogramOption, isTooLong } from './histogram'

const bars = [{ low: 1, high: 1, count: 2 }, { low: 200, high: 299, count: 5 }, { low: 300, high: 399, count: 1 }]

it('draws a bar for each stretch of lengths, named by its tokens', () => {
  const option = histogramOption(bars, 1000, chartLook('serif', false), { tokens: 'tokens', examples: 'Examples' })
  expect(option.xAxis.data).toEqual(['1', '200–299', '300–399'])
  expect(option.series[0]?.data.map(({ value }) => value)).toEqual([2, 5, 1])
})

it('stripes only the bars whose every example is too long', () => {
  expect(bars.map((bar) => isTooLong(bar, 250))).toEqual([false, false, true])
  const option = histogramOption(bars, 250, chartLook('serif', true), { tokens: 'tokens', examples: 'Examples' })
  expect(option.series[0]?.data.map(({ itemStyle }) => 'decal' in itemStyle)).toEqual([false, false, true])
})
