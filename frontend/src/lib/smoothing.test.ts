import { describe, expect, it } from 'vitest'
import type { Point } from './metrics'
import { SMOOTHINGS, smoothed } from './smoothing'

const spread = (points: Point[]) => Math.max(...points.map(([, value]) => value)) - Math.min(...points.map(([, value]) => value))

describe('smoothed', () => {
  it('leaves a curve alone without a weight', () => {
    const points: Point[] = [[1, 3], [2, 1], [5, 2]]
    expect(smoothed(points, SMOOTHINGS.none)).toEqual(points)
    expect(smoothed([], SMOOTHINGS.strong)).toEqual([])
  })

  it('keeps a level curve level from its first value on', () => {
    const level: Point[] = [[1, 2], [2, 2], [3, 2]]
    for (const [, value] of smoothed(level, SMOOTHINGS.strong)) expect(value).toBeCloseTo(2, 12)
  })

  it('weighs the newest value most', () => {
    expect(smoothed([[1, 0], [2, 1]], 0.5)).toEqual([[1, 0], [2, 2 / 3]])
  })

  it('takes more of the noise away the stronger it is', () => {
    const noisy: Point[] = Array.from({ length: 200 }, (_, step) => [step, step % 2])
    const rest = (weight: number) => spread(smoothed(noisy, weight).slice(100))
    expect(rest(SMOOTHINGS.light)).toBeLessThan(1)
    expect(rest(SMOOTHINGS.medium)).toBeLessThan(rest(SMOOTHINGS.light))
    expect(rest(SMOOTHINGS.strong)).toBeLessThan(rest(SMOOTHINGS.medium))
  })
})
